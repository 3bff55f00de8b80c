//! The language server: `ide` and `driver` behind the Language Server Protocol, on standard input and output.
//!
//! One thread takes messages in their order. Changes that have come in together are checked once; a change parses one file again,
//! and plans what it touches. A request is answered of the text as it is when its turn comes; one that is cancelled before that is
//! not answered. There is no network: the project's folder is all that is read.

mod convert;
mod inbox;
mod requests;
mod session;

use inbox::{Inbox, Next};
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, RequestId, Response};
use serde_json::{Value, json};
use session::Session;
use std::path::PathBuf;

/// Serves one editor until it leaves. Gives whether it said goodbye.
///
/// # Errors
/// The connection broke, or the client doesn't follow the protocol.
pub fn serve(connection: &Connection) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    let (id, parameters) = connection.initialize_start()?;
    let info = json!({ "name": "pie", "version": env!("CARGO_PKG_VERSION") });
    connection.initialize_finish(id, json!({ "capabilities": requests::capabilities(), "serverInfo": info }))?;
    let can = &parameters["capabilities"]["workspace"]["didChangeWatchedFiles"]["dynamicRegistration"];
    let client_watches = can.as_bool().unwrap_or(false);
    let inbox = Inbox::new(connection)?;
    let mut server = Server { connection, session: Session::default(), inbox, client_watches, leaving: false };
    server.begin(&parameters);
    let said_goodbye = server.run()?;
    server.session.save();
    Ok(said_goodbye)
}

struct Server<'c> {
    connection: &'c Connection,
    session: Session,
    inbox: Inbox,
    /// The client tells which files change outside of it, once it is asked to. Not all can: then the server watches them itself.
    client_watches: bool,
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
        self.watch()?;
        loop {
            let Some(next) = self.inbox.next() else { return Ok(false) };
            match next {
                Next::Message(Message::Request(request)) => {
                    if !is_urgent_request(&request) {
                        // What changes other files, or lists them, has to know them.
                        self.session.settle(&mut || false);
                        self.publish()?;
                    }
                    self.request(request)?;
                }
                Next::Message(Message::Notification(notification)) if notification.method == "exit" => {
                    return Ok(self.leaving);
                }
                Next::Message(Message::Notification(notification)) => self.notified(&notification)?,
                // Nothing is made of what the client answers.
                Next::Message(Message::Response(_)) => {}
                Next::Files(paths) => self.session.files_changed(&paths),
            }
            // Whatever has come in behind a change is looked at first, as far as it is a change too.
            if !matches!(self.inbox.waiting().front(), Some(Message::Notification(_))) {
                self.publish()?;
                self.settle()?;
            }
        }
    }

    /// Follows changes into what reads the changed files, unless something more urgent comes in.
    fn settle(&mut self) -> Outcome<()> {
        let inbox = &mut self.inbox;
        self.session.settle(&mut || inbox.waiting().iter().any(is_urgent));
        self.publish()
    }

    /// Watches the folders of projects, where the client doesn't.
    fn watch(&mut self) -> Outcome<()> {
        if self.client_watches {
            return Ok(());
        }
        for root in self.session.roots() {
            if let Some(why) = self.inbox.watch(root) {
                let message =
                    format!("files of {} that change outside of the editor aren't noticed: {why}", root.display());
                let warning =
                    Notification::new("window/logMessage".to_owned(), json!({ "type": 2, "message": message }));
                self.connection.sender.send(Message::Notification(warning))?;
            }
        }
        Ok(())
    }

    /// Asks the client to tell which files change outside of it.
    fn ask_to_watch(&mut self) -> Outcome<()> {
        if !self.client_watches {
            return Ok(());
        }
        let watchers: Vec<Value> = ["**/*.pie", "**/{pie.toml,.pieignore,.gitignore}"]
            .iter()
            .map(|pattern| json!({ "globPattern": pattern }))
            .collect();
        let method = "workspace/didChangeWatchedFiles";
        let registration = json!({ "id": "files", "method": method, "registerOptions": { "watchers": watchers } });
        let parameters = json!({ "registrations": [registration] });
        let request = Request::new("files".to_owned().into(), "client/registerCapability".to_owned(), parameters);
        Ok(self.connection.sender.send(Message::Request(request))?)
    }

    fn publish(&mut self) -> Outcome<()> {
        for news in self.session.news() {
            let notification = Notification::new("textDocument/publishDiagnostics".to_owned(), news);
            self.connection.sender.send(Message::Notification(notification))?;
        }
        Ok(())
    }

    fn is_cancelled(&mut self, id: &RequestId) -> bool {
        let wanted = serde_json::to_value(id).unwrap_or_default();
        self.inbox.waiting().iter().any(|message| match message {
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

    fn notified(&mut self, notification: &Notification) -> Outcome<()> {
        let parameters = &notification.params;
        let document = &parameters["textDocument"];
        let uri = document["uri"].as_str().unwrap_or_default();
        match notification.method.as_str() {
            "initialized" => self.ask_to_watch()?,
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
                let paths = changes.iter().filter_map(|change| convert::path(change["uri"].as_str()?));
                self.session.files_changed(&paths.collect::<Vec<PathBuf>>());
            }
            "workspace/didChangeWorkspaceFolders" => {
                let added = parameters["event"]["added"].as_array().cloned().unwrap_or_default();
                for path in added.iter().filter_map(|folder| convert::path(folder["uri"].as_str()?)) {
                    self.session.open_folder(&path);
                }
            }
            _ => {}
        }
        // A project may have been opened.
        self.watch()
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
