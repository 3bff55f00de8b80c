//! What comes in: messages of the client, and files that changed outside of it where it doesn't watch them itself.

use crate::workspace::{self, Watching};
use lsp_server::{Connection, Message};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Version control changes many files in one go: what comes within this time is one change.
const TOGETHER: Duration = Duration::from_millis(60);

enum Incoming {
    Message(Message),
    Files(Vec<PathBuf>),
    /// The client closed the connection.
    End,
}

/// What is to be done next.
pub enum Next {
    Message(Message),
    /// These files, or something about them, may be others than they were.
    Files(Vec<PathBuf>),
}

/// Everything that has come in and wasn't looked at yet.
pub struct Inbox {
    sender: Sender<Incoming>,
    receiver: Receiver<Incoming>,
    messages: VecDeque<Message>,
    files: BTreeSet<PathBuf>,
    has_ended: bool,
    watching: BTreeMap<PathBuf, Option<Watching>>,
}

impl Inbox {
    /// Takes what a connection brings from now on.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(connection: &Connection) -> std::io::Result<Inbox> {
        let (sender, receiver) = channel();
        let (messages, to) = (connection.receiver.clone(), sender.clone());
        // It ends with the connection, or with who listens to it.
        std::thread::Builder::new().name("inbox".to_owned()).spawn(move || {
            while let Ok(message) = messages.recv() {
                if to.send(Incoming::Message(message)).is_err() {
                    return;
                }
            }
            let _ = to.send(Incoming::End);
        })?;
        Ok(Inbox {
            sender,
            receiver,
            messages: VecDeque::new(),
            files: BTreeSet::new(),
            has_ended: false,
            watching: BTreeMap::new(),
        })
    }

    /// Watches a project's folder from now on. Gives why that isn't possible, once.
    pub fn watch(&mut self, root: &Path) -> Option<String> {
        if self.watching.contains_key(root) {
            return None;
        }
        let sender = self.sender.clone();
        let watching = workspace::watch_files(root, move |paths| drop(sender.send(Incoming::Files(paths))));
        let (watching, failure) = match watching {
            Ok(watching) => (Some(watching), None),
            Err(error) => (None, Some(error.to_string())),
        };
        self.watching.insert(root.to_owned(), watching);
        failure
    }

    /// Waits for what is next: messages in their order, files once there is a moment's silence. `None` when the client is gone.
    pub fn next(&mut self) -> Option<Next> {
        loop {
            self.look();
            if let Some(message) = self.messages.pop_front() {
                return Some(Next::Message(message));
            }
            if self.has_ended {
                return None;
            }
            let incoming = match self.files.is_empty() {
                true => self.receiver.recv().unwrap_or(Incoming::End),
                false => match self.receiver.recv_timeout(TOGETHER) {
                    Ok(incoming) => incoming,
                    Err(RecvTimeoutError::Timeout) => {
                        return Some(Next::Files(std::mem::take(&mut self.files).into_iter().collect()));
                    }
                    Err(RecvTimeoutError::Disconnected) => Incoming::End,
                },
            };
            self.take(incoming);
        }
    }

    /// The messages that have come in by now, in their order.
    pub fn waiting(&mut self) -> &VecDeque<Message> {
        self.look();
        &self.messages
    }

    fn look(&mut self) {
        while let Ok(incoming) = self.receiver.try_recv() {
            self.take(incoming);
        }
    }

    fn take(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Message(message) => self.messages.push_back(message),
            Incoming::Files(paths) => self.files.extend(paths),
            Incoming::End => self.has_ended = true,
        }
    }
}
