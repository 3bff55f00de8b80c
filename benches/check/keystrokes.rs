//! Somebody types in an editor: how long until the language server says what it thinks of it.

use crate::generate::Edit;
use lsp_server::{Connection, Message, Notification, Request};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// What is typed before the slice's last column, and taken back.
const TYPED: [&str; 3] = [
    "+ cast(length(trim('  many words  ')) as bigint) * 2 ",
    "+ (case when 1 < 2 then 3 else 4 end) ",
    "+ 17 % 5 - abs(-3) ",
];

/// Opens the file of a slice in the middle of the project and types. Gives cells of the table.
pub fn measure(folder: &Path, middle: &Edit) -> String {
    let (server, client) = Connection::memory();
    let serve = move || icepie::lsp::serve(&server).expect("the client follows the protocol");
    // As the binary does: planning is deep.
    let server = std::thread::Builder::new().stack_size(256 << 20).spawn(serve).expect("a thread starts");
    let text = std::fs::read_to_string(folder.join(&middle.path)).expect("the file is there");
    let uri = format!("file://{}/{}", folder.display(), middle.path);
    let mut editor = Editor { client, uri, version: 1, next: 0, own: Vec::new(), all: Vec::new() };
    editor.ask("initialize", json!({ "capabilities": {}, "rootUri": format!("file://{}", folder.display()) }));
    editor.notify("initialized", json!({}));
    let document = json!({ "uri": editor.uri, "languageId": "pie", "version": 1, "text": text });
    editor.notify("textDocument/didOpen", json!({ "textDocument": document }));
    editor.ask("workspace/symbol", json!({ "query": "none of this name" }));

    // The sum that is the slice's last column; the number differs by the last edit on disk.
    let number = middle.after.trim_end_matches(" as n");
    let at = text.find(number).expect("the slice is there");
    let (line, start) = (text[..at].matches('\n').count(), text[..at].rfind('\n').map_or(0, |end| end + 1));
    for typed in TYPED {
        let mut column = at - start;
        for character in typed.chars() {
            let place = json!({ "line": line, "character": column });
            editor.keystroke(json!({ "start": place, "end": place }), &character.to_string());
            column += 1;
        }
        for _ in typed.chars() {
            let (before, after) =
                (json!({ "line": line, "character": column - 1 }), json!({ "line": line, "character": column }));
            editor.keystroke(json!({ "start": before, "end": after }), "");
            column -= 1;
        }
    }
    // The table that is read, character by character away and back again.
    let from = text[at..].find("from ").map(|found| at + found + "from ".len()).expect("it reads something");
    let name: String =
        text[from..].chars().take_while(|character| character.is_alphanumeric() || "._".contains(*character)).collect();
    let (line, start) = (text[..from].matches('\n').count(), text[..from].rfind('\n').map_or(0, |end| end + 1));
    let column = |length: usize| json!({ "line": line, "character": from - start + length });
    for length in (0..name.len()).rev() {
        editor.keystroke(json!({ "start": column(length), "end": column(length + 1) }), "");
    }
    for (length, character) in name.chars().enumerate() {
        editor.keystroke(json!({ "start": column(length), "end": column(length) }), &character.to_string());
    }

    editor.ask("shutdown", Value::Null);
    editor.notify("exit", Value::Null);
    let Editor { client, own, all, .. } = editor;
    drop(client);
    assert!(server.join().expect("the server doesn't panic"), "it said goodbye");
    let milliseconds = |times: &[Duration], part: f64| {
        let mut sorted = times.to_vec();
        sorted.sort();
        sorted[((sorted.len() - 1) as f64 * part) as usize].as_secs_f64() * 1_000.0
    };
    let [middle, most, longest] = [0.5, 0.95, 1.0].map(|part| milliseconds(&own, part));
    format!("{middle:.1}, {most:.1}, {longest:.1} ms of {} | {:.1} ms", own.len(), milliseconds(&all, 0.95))
}

struct Editor {
    client: Connection,
    uri: String,
    version: i32,
    next: i32,
    /// From each change to the findings of its file, and to those of all files.
    own: Vec<Duration>,
    all: Vec<Duration>,
}

impl Editor {
    fn keystroke(&mut self, range: Value, text: &str) {
        self.version += 1;
        let document = json!({ "uri": self.uri, "version": self.version });
        let changes = json!([{ "range": range, "text": text }]);
        let started = Instant::now();
        self.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
        loop {
            if let Message::Notification(note) = self.client.receiver.recv().expect("the server runs")
                && note.params["uri"] == self.uri.as_str()
                && note.params["version"] == self.version
            {
                break;
            }
        }
        self.own.push(started.elapsed());
        self.ask("workspace/symbol", json!({ "query": "none of this name" }));
        self.all.push(started.elapsed());
    }

    fn notify(&mut self, method: &str, parameters: Value) {
        let message = Notification::new(method.to_owned(), parameters);
        self.client.sender.send(Message::Notification(message)).expect("the server runs");
    }

    fn ask(&mut self, method: &str, parameters: Value) {
        self.next += 1;
        let request = Request::new(self.next.into(), method.to_owned(), parameters);
        self.client.sender.send(Message::Request(request)).expect("the server runs");
        loop {
            if let Message::Response(response) = self.client.receiver.recv().expect("the server runs")
                && response.id == self.next.into()
            {
                return;
            }
        }
    }
}
