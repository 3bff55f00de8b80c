//! The language server: `ide` and `driver` behind the Language Server Protocol, on standard input and output.
//!
//! One thread takes messages in their order. Changes that have come in together are checked once; a change parses one file again,
//! and plans what it touches. A request is answered of the text as it is when its turn comes; one that is cancelled before that is
//! not answered. There is no network: the project's folder is all that is read.

mod convert;
mod requests;
mod session;

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, RequestId, Response};
use serde_json::{Value, json};
use session::Session;
use std::collections::VecDeque;

/// Serves one editor until it leaves. Gives whether it said goodbye.
///
/// # Errors
/// The connection broke, or the client doesn't follow the protocol.
pub fn serve(connection: &Connection) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    let (id, parameters) = connection.initialize_start()?;
    let info = json!({ "name": "pie", "version": env!("CARGO_PKG_VERSION") });
    connection.initialize_finish(id, json!({ "capabilities": requests::capabilities(), "serverInfo": info }))?;
    let mut server = Server { connection, session: Session::default(), queue: VecDeque::new(), leaving: false };
    server.begin(&parameters);
    let said_goodbye = server.run()?;
    server.session.save();
    Ok(said_goodbye)
}

struct Server<'c> {
    connection: &'c Connection,
    session: Session,
    /// Messages that have come in and weren't looked at yet.
    queue: VecDeque<Message>,
    /// It was asked to shut down.
    leaving: bool,
}

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

impl Server<'_> {
    fn begin(&mut self, parameters: &Value) {
        let folders = parameters["workspaceFolders"].as_array().cloned().unwrap_or_default();
        let mut folders: Vec<String> =
            folders.iter().filter_map(|folder| Some(folder["uri"].as_str()?.to_owned())).collect();
        if folders.is_empty() {
            folders.extend(parameters["rootUri"].as_str().map(str::to_owned));
        }
        for folder in folders.iter().filter_map(|uri| convert::path(uri)) {
            self.session.open_folder(&folder);
        }
    }

    fn run(&mut self) -> Outcome<bool> {
        self.publish()?;
        loop {
            if self.queue.is_empty() {
                let Ok(message) = self.connection.receiver.recv() else { return Ok(false) };
                self.queue.push_back(message);
            }
            while let Ok(message) = self.connection.receiver.try_recv() {
                self.queue.push_back(message);
            }
            let Some(message) = self.queue.pop_front() else { continue };
            match message {
                Message::Request(request) => {
                    if !is_urgent_request(&request) {
                        // What changes other files, or lists them, has to know them.
                        self.session.settle(&mut || false);
                        self.publish()?;
                    }
                    self.request(request)?;
                }
                Message::Notification(notification) if notification.method == "exit" => return Ok(self.leaving),
                Message::Notification(notification) => self.notified(&notification),
                // Nothing is asked of the client that it must answer.
                Message::Response(_) => {}
            }
            // Whatever has come in behind a change is looked at first, as far as it is a change too.
            if !self.is_change_waiting() {
                self.publish()?;
                self.settle()?;
            }
        }
    }

    fn is_change_waiting(&self) -> bool {
        matches!(self.queue.front(), Some(Message::Notification(_)))
    }

    /// Follows changes into what reads the changed files, unless something more urgent comes in.
    fn settle(&mut self) -> Outcome<()> {
        let (queue, receiver) = (&mut self.queue, &self.connection.receiver);
        self.session.settle(&mut || {
            queue.extend(receiver.try_iter());
            queue.iter().any(is_urgent)
        });
        self.publish()
    }

    fn publish(&mut self) -> Outcome<()> {
        for news in self.session.news() {
            let notification = Notification::new("textDocument/publishDiagnostics".to_owned(), news);
            self.connection.sender.send(Message::Notification(notification))?;
        }
        Ok(())
    }

    fn is_cancelled(&self, id: &RequestId) -> bool {
        let wanted = serde_json::to_value(id).unwrap_or_default();
        self.queue.iter().any(|message| match message {
            Message::Notification(note) => note.method == "$/cancelRequest" && note.params["id"] == wanted,
            _ => false,
        })
    }

    fn request(&mut self, request: Request) -> Outcome<()> {
        let id = request.id.clone();
        let response = match request.method.as_str() {
            "shutdown" => {
                self.leaving = true;
                self.session.save();
                Response::new_ok(id, Value::Null)
            }
            _ if self.leaving => refused(id, ErrorCode::InvalidRequest, "the server is shutting down"),
            _ if self.is_cancelled(&id) => refused(id, ErrorCode::RequestCanceled, "cancelled"),
            method => match requests::answer(&mut self.session, method, &request.params) {
                Some(Ok(answer)) => Response::new_ok(id, answer),
                Some(Err(why)) => refused(id, ErrorCode::RequestFailed, &why),
                None => refused(id, ErrorCode::MethodNotFound, &format!("there is no method {method}")),
            },
        };
        Ok(self.connection.sender.send(Message::Response(response))?)
    }

    fn notified(&mut self, notification: &Notification) {
        let parameters = &notification.params;
        let document = &parameters["textDocument"];
        let uri = document["uri"].as_str().unwrap_or_default();
        match notification.method.as_str() {
            "textDocument/didOpen" => {
                let text = document["text"].as_str().unwrap_or_default().to_owned();
                self.session.open(uri, text, document["version"].clone());
            }
            "textDocument/didChange" => {
                let changes = parameters["contentChanges"].as_array().cloned().unwrap_or_default();
                self.session.change(uri, &changes, document["version"].clone());
            }
            "textDocument/didClose" => self.session.close(uri),
            "textDocument/didSave" => self.session.save(),
            "workspace/didChangeWatchedFiles" => {
                let changes = parameters["changes"].as_array().cloned().unwrap_or_default();
                let uris = changes.iter().filter_map(|change| Some(change["uri"].as_str()?.to_owned()));
                self.session.files_changed(&uris.collect::<Vec<_>>());
            }
            "workspace/didChangeWorkspaceFolders" => {
                let added = parameters["event"]["added"].as_array().cloned().unwrap_or_default();
                for path in added.iter().filter_map(|folder| convert::path(folder["uri"].as_str()?)) {
                    self.session.open_folder(&path);
                }
            }
            _ => {}
        }
    }
}

/// Whether somebody waits for an answer while they type: a further change, or a question about the place that they are at. It is
/// answered by what is known of other files up to then.
fn is_urgent(message: &Message) -> bool {
    match message {
        Message::Notification(_) => true,
        Message::Request(request) => is_urgent_request(request),
        Message::Response(_) => false,
    }
}

fn is_urgent_request(request: &Request) -> bool {
    let urgent =
        ["textDocument/completion", "textDocument/hover", "textDocument/semanticTokens/full", "textDocument/inlayHint"];
    urgent.contains(&request.method.as_str())
}

fn refused(id: RequestId, code: ErrorCode, message: &str) -> Response {
    Response::new_err(id, code as i32, message.to_owned())
}
