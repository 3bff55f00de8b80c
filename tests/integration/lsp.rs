//! The language server, by messages of its protocol, and read by a library of the protocol's types.
//!
//! ```sh
//! LSP_MINUTES=30 cargo test --test integration -- lsp::random --nocapture    edits at random for as long
//! ```

use crate::pie;
use gen_lsp_types as lsp;
use icepie::diagnostic::{Diagnostic, Severity};
use icepie::{driver, workspace};
use lsp_server::{Connection, Message, Notification, Request, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::thread::JoinHandle;
use tempfile::TempDir;

const DECLARATIONS: &str = "domain shop { owner 'data@shop.example' }

--- What was sold.
public source shop.lines {
  from 'raw/*.csv'
  columns (id bigint not null, amount int, state text)
}

--- The large ones.
public slice shop.large {
  key (id)
  check positive (amount > 0)
  select id, amount from lines where state = '🥧' and amount > 10
}
";

const READERS: &str = "domain finance { owner 'money@shop.example' }

public slice finance.total { select sum(l.amount) as total from shop.large l }

public slice finance.copy { select * from shop.large }

public slice finance.last { select max(amount) as most from copy }
";

/// An editor.
struct Editor {
    dir: TempDir,
    connection: Option<Connection>,
    server: Option<JoinHandle<bool>>,
    next: i32,
    /// What was told last of each file.
    told: BTreeMap<String, Value>,
    versions: BTreeMap<String, i32>,
}

impl Editor {
    fn start(files: &[(&str, &str)]) -> Editor {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        write(dir.path(), "pie.toml", "[project]\nname = \"edited\"\n");
        for (path, text) in files {
            write(dir.path(), path, text);
        }
        Editor::start_in(dir)
    }

    /// An editor that tells which files change outside of it.
    fn start_in(dir: TempDir) -> Editor {
        let watches = json!({ "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } } });
        Editor::start_as(dir, watches)
    }

    fn start_as(dir: TempDir, capabilities: Value) -> Editor {
        let (server, client) = Connection::memory();
        // As the binary does: planning is deep.
        let serve = move || icepie::lsp::serve(&server).expect("the client follows the protocol");
        let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(serve).expect("a thread starts");
        let mut editor = Editor {
            dir,
            connection: Some(client),
            server: Some(thread),
            next: 0,
            told: BTreeMap::new(),
            versions: BTreeMap::new(),
        };
        let root = editor.uri("");
        let folders = json!([{ "uri": root, "name": "x" }]);
        let answer = editor.ask("initialize", json!({ "capabilities": capabilities, "workspaceFolders": folders }));
        let answer: lsp::InitializeResult = serde_json::from_value(answer).expect("the answer is one of the protocol");
        assert!(answer.capabilities.hover_provider.is_some());
        editor.notify("initialized", json!({}));
        editor
    }

    fn uri(&self, path: &str) -> String {
        format!("file://{}/{path}", self.dir.path().display()).trim_end_matches('/').to_owned()
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("the server runs")
    }

    fn notify(&mut self, method: &str, parameters: Value) {
        let message = Notification::new(method.to_owned(), parameters);
        self.connection().sender.send(Message::Notification(message)).expect("the server runs");
    }

    fn send(&mut self, method: &str, parameters: Value) -> i32 {
        self.next += 1;
        let request = Request::new(self.next.into(), method.to_owned(), parameters);
        self.connection().sender.send(Message::Request(request)).expect("the server runs");
        self.next
    }

    /// Waits for the answer to a request, and keeps what is told meanwhile.
    fn wait(&mut self, id: i32) -> Response {
        loop {
            match self.connection().receiver.recv().expect("the server runs") {
                Message::Response(response) if response.id == id.into() => return response,
                Message::Request(request) if request.method == "client/registerCapability" => {
                    let typed: lsp::RegistrationParams =
                        serde_json::from_value(request.params).expect("it is one of the protocol");
                    assert_eq!(typed.registrations[0].method, "workspace/didChangeWatchedFiles");
                    let answer = Message::Response(Response::new_ok(request.id, Value::Null));
                    self.connection().sender.send(answer).expect("the server runs");
                }
                Message::Notification(note) if note.method == "textDocument/publishDiagnostics" => {
                    let typed: lsp::PublishDiagnosticsParams =
                        serde_json::from_value(note.params.clone()).expect("it is one of the protocol");
                    drop(typed);
                    let uri = note.params["uri"].as_str().expect("an address").to_owned();
                    self.told.insert(uri, note.params["diagnostics"].clone());
                }
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.send(method, parameters);
        match self.wait(id).response_result {
            Ok(result) => result,
            Err(error) => panic!("{method}: {error:?}"),
        }
    }

    fn refused(&mut self, method: &str, parameters: Value) -> String {
        let id = self.send(method, parameters);
        self.wait(id).response_result.expect_err("it is refused").message
    }

    fn open(&mut self, path: &str, text: &str) {
        self.versions.insert(path.to_owned(), 1);
        let document = json!({ "uri": self.uri(path), "languageId": "pie", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    fn change(&mut self, path: &str, changes: Value) {
        let version = self.versions.entry(path.to_owned()).or_insert(1);
        *version += 1;
        let document = json!({ "uri": self.uri(path), "version": *self.versions.get(path).expect("it is open") });
        self.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
    }

    fn replace(&mut self, path: &str, text: &str) {
        self.change(path, json!([{ "text": text }]));
    }

    /// Waits until something is told of a file that is as it should be.
    fn wait_for(&mut self, uri: &str, is_right: impl Fn(&[Value]) -> bool) {
        loop {
            match self.connection().receiver.recv().expect("the server runs") {
                Message::Notification(note) if note.method == "textDocument/publishDiagnostics" => {
                    let found = note.params["diagnostics"].clone();
                    let of = note.params["uri"].as_str().expect("an address").to_owned();
                    let is_done = of == uri && is_right(found.as_array().map(Vec::as_slice).unwrap_or_default());
                    self.told.insert(of, found);
                    if is_done {
                        return;
                    }
                }
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    /// Everything that was sent before is looked at.
    fn settle(&mut self) {
        self.ask("workspace/symbol", json!({ "query": "" }));
    }

    fn told(&mut self, path: &str) -> Vec<Value> {
        self.settle();
        self.told.get(&self.uri(path)).and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// Parameters about the place at which `text` begins in a document.
    fn at(&self, path: &str, document: &str, text: &str) -> Value {
        let offset = document.find(text).unwrap_or_else(|| panic!("no {text} in {path}"));
        json!({ "textDocument": { "uri": self.uri(path) }, "position": position(document, offset) })
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.ask("shutdown", Value::Null);
        self.notify("exit", Value::Null);
        drop(self.connection.take());
        let ended = self.server.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(true))), "it said goodbye");
    }
}

fn write(folder: &Path, path: &str, text: &str) {
    std::fs::write(folder.join(path), text).expect("a file can be written");
}

/// Counted here by itself: lines and units of UTF-16, from 0.
fn position(text: &str, offset: usize) -> Value {
    let before = &text[..offset];
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    json!({ "line": line, "character": before[start..].encode_utf16().count() })
}

#[test]
fn findings_come_as_somebody_types_and_go_when_they_are_mended() {
    let mut editor = Editor::start(&[("main.pie", DECLARATIONS), ("readers.pie", READERS)]);
    assert_eq!(editor.told("main.pie"), Vec::<Value>::new());
    editor.open("main.pie", DECLARATIONS);
    // Behind a character of two units.
    let at = DECLARATIONS.find("amount > 10").expect("it is there");
    let (start, end) = (position(DECLARATIONS, at), position(DECLARATIONS, at + 6));
    editor.change("main.pie", json!([{ "range": { "start": start, "end": end }, "text": "amuont" }]));
    let told = editor.told("main.pie");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!((&told[0]["code"], &told[0]["source"]), (&json!("E0201"), &json!("pie")));
    assert_eq!(told[0]["range"], json!({ "start": start, "end": end }));
    let context = json!({ "diagnostics": told });
    let parameters = json!({ "textDocument": { "uri": editor.uri("main.pie") }, "range": { "start": start, "end": start }, "context": context });
    let actions = editor.ask("textDocument/codeAction", parameters);
    let typed: Vec<lsp::CodeAction> = serde_json::from_value(actions.clone()).expect("actions of the protocol");
    assert_eq!(typed.len(), 1);
    let edit = &actions[0]["edit"]["changes"][editor.uri("main.pie")][0];
    assert_eq!(*edit, json!({ "range": { "start": start, "end": end }, "newText": "amount" }));
    editor.change("main.pie", json!([{ "range": edit["range"], "text": edit["newText"] }]));
    assert_eq!(editor.told("main.pie"), Vec::<Value>::new());
    // A reader in another file hears of what it misses.
    editor.replace("main.pie", &DECLARATIONS.replace("select id, amount", "select id"));
    assert!(!editor.told("readers.pie").is_empty());
    editor.replace("main.pie", DECLARATIONS);
    assert_eq!(editor.told("readers.pie"), Vec::<Value>::new());
}

#[test]
fn files_that_are_emptied_deleted_or_renamed_have_no_findings() {
    let mut editor = Editor::start(&[("main.pie", DECLARATIONS), ("readers.pie", READERS)]);
    let broken = READERS.replace("l.amount", "l.amuont");
    editor.open("readers.pie", &broken);
    assert_eq!(editor.told("readers.pie").len(), 1);
    editor.replace("readers.pie", "");
    assert_eq!(editor.told("readers.pie"), Vec::<Value>::new());
    editor.replace("readers.pie", &broken);
    assert_eq!(editor.told("readers.pie").len(), 1);
    // Closed without saving: what is on the disk counts.
    let document = json!({ "textDocument": { "uri": editor.uri("readers.pie") } });
    editor.notify("textDocument/didClose", document);
    assert_eq!(editor.told("readers.pie"), Vec::<Value>::new());
    write(editor.dir.path(), "readers.pie", &broken);
    let uri = editor.uri("readers.pie");
    editor.notify("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": uri, "type": 2 }] }));
    assert_eq!(editor.told("readers.pie").len(), 1);
    std::fs::rename(editor.dir.path().join("readers.pie"), editor.dir.path().join("others.pie")).expect("it is there");
    let other = editor.uri("others.pie");
    let changes = json!({ "changes": [{ "uri": uri, "type": 3 }, { "uri": other, "type": 1 }] });
    editor.notify("workspace/didChangeWatchedFiles", changes);
    assert_eq!((editor.told("readers.pie").len(), editor.told("others.pie").len()), (0, 1));
    std::fs::remove_file(editor.dir.path().join("others.pie")).expect("it is there");
    editor.notify("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": other, "type": 3 }] }));
    assert_eq!(editor.told("others.pie"), Vec::<Value>::new());
}

/// Not every editor tells the server which files change outside of it.
#[test]
fn files_that_change_outside_are_noticed_by_the_server_itself() {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    write(dir.path(), "pie.toml", "[project]\nname = \"edited\"\n");
    write(dir.path(), "main.pie", DECLARATIONS);
    write(dir.path(), "readers.pie", READERS);
    let mut editor = Editor::start_as(dir, json!({}));
    editor.open("readers.pie", READERS);
    assert_eq!(editor.told("readers.pie"), Vec::<Value>::new());
    let folder = editor.dir.path().to_owned();
    let readers = editor.uri("readers.pie");
    // One is written, one is moved away and back, one comes along in a folder; what is open stays what it is.
    write(&folder, "main.pie", &DECLARATIONS.replace("select id, amount from", "select id from"));
    editor.wait_for(&readers, |found| found.iter().any(|one| one["code"] == "E0201"));
    std::fs::rename(folder.join("main.pie"), folder.join("main.txt")).expect("it can be moved");
    editor.wait_for(&readers, |found| found.iter().any(|one| one["code"] != "E0201"));
    write(&folder, "main.pie", DECLARATIONS);
    editor.wait_for(&readers, <[Value]>::is_empty);
    let outside = tempfile::tempdir_in(folder.parent().expect("a folder")).expect("a folder");
    write(outside.path(), "more.pie", "public slice finance.more { select nothing from copy }\n");
    std::fs::rename(outside.path(), folder.join("more")).expect("it can be moved");
    let more = editor.uri("more/more.pie");
    editor.wait_for(&more, |found| found.iter().any(|one| one["code"] == "E0201"));
    std::fs::remove_dir_all(folder.join("more")).expect("it can be removed");
    editor.wait_for(&more, <[Value]>::is_empty);
}

#[test]
fn a_name_tells_what_it_is_and_leads_to_where_it_is() {
    let mut editor = Editor::start(&[("main.pie", DECLARATIONS), ("readers.pie", READERS)]);
    editor.open("main.pie", DECLARATIONS);
    editor.open("readers.pie", READERS);
    let on_slice = editor.at("readers.pie", READERS, "large l");
    let hover = editor.ask("textDocument/hover", on_slice.clone());
    let typed: lsp::Hover = serde_json::from_value(hover.clone()).expect("a hover of the protocol");
    drop(typed);
    let text = hover["contents"]["value"].as_str().expect("markdown");
    for part in [
        "public slice shop.large",
        "owned by data@shop.example",
        "The large ones.",
        "| amount | int |",
        "| id | bigint not null | key  |",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let definition = editor.ask("textDocument/definition", on_slice.clone());
    assert_eq!(definition[0]["uri"], json!(editor.uri("main.pie")));
    assert_eq!(
        definition[0]["range"]["start"],
        position(DECLARATIONS, DECLARATIONS.find("shop.large").expect("there"))
    );
    let on_column = editor.at("readers.pie", READERS, "amount) as total");
    let hover = editor.ask("textDocument/hover", on_column.clone());
    assert!(
        hover["contents"]["value"]
            .as_str()
            .is_some_and(|text| text.contains("amount int") && text.contains("`shop.large`")),
        "{hover}"
    );
    let mut parameters = on_slice;
    parameters["context"] = json!({ "includeDeclaration": false });
    let references = editor.ask("textDocument/references", parameters);
    let typed: Vec<lsp::Location> = serde_json::from_value(references.clone()).expect("locations of the protocol");
    assert_eq!(typed.len(), 2, "{references:#}");
}

#[test]
fn a_slice_tells_what_is_served_of_it() {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    write(dir.path(), "pie.toml", "[project]\nname = \"edited\"\n");
    write(dir.path(), "main.pie", DECLARATIONS);
    std::fs::create_dir(dir.path().join("raw")).expect("a folder can be made");
    write(dir.path(), "raw/a.csv", "id,amount,state\n1,20,🥧\n2,5,🥧\n");
    let mut editor = Editor::start_in(dir);
    editor.open("main.pie", DECLARATIONS);
    let place = editor.at("main.pie", DECLARATIONS, "large {");
    let hover = |editor: &mut Editor| {
        let hover = editor.ask("textDocument/hover", place.clone());
        hover["contents"]["value"].as_str().expect("markdown").to_owned()
    };
    assert!(!hover(&mut editor).contains("serves"));
    assert!(!editor.dir.path().join(".pie/store").exists(), "looking makes no store");
    let built = pie::run(editor.dir.path(), &["build", "--freeze"]);
    assert_eq!(built.code, 0, "{}", built.transcript());
    let text = hover(&mut editor);
    assert!(text.contains("serves version 1, 1 row, published ") && text.contains(" ago"), "{text}");
    let held = pie::run(editor.dir.path(), &["hold", "large", "--reason", "the board looks"]);
    assert_eq!(held.code, 0, "{}", held.transcript());
    assert!(hover(&mut editor).contains("; held: the board looks"));
}

/// Applies the edits of an answer to texts by path.
fn applied(editor: &Editor, edit: &Value, files: &[(&str, &str)]) -> BTreeMap<String, String> {
    let typed: lsp::WorkspaceEdit = serde_json::from_value(edit.clone()).expect("an edit of the protocol");
    drop(typed);
    let mut texts = BTreeMap::new();
    for (path, text) in files {
        let mut new = (*text).to_owned();
        let edits = edit["changes"][editor.uri(path)].as_array().cloned().unwrap_or_default();
        let offset = |at: &Value| {
            let all = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            all.into_iter().find(|offset| position(text, *offset) == *at).expect("a place in the text")
        };
        let mut edits: Vec<(usize, usize, String)> = edits
            .iter()
            .map(|edit| {
                let new = edit["newText"].as_str().expect("a text").to_owned();
                (offset(&edit["range"]["start"]), offset(&edit["range"]["end"]), new)
            })
            .collect();
        edits.sort();
        for (start, end, text) in edits.into_iter().rev() {
            new.replace_range(start..end, &text);
        }
        texts.insert((*path).to_owned(), new);
    }
    texts
}

#[test]
fn a_name_is_changed_in_every_reader() {
    let files = [("main.pie", DECLARATIONS), ("readers.pie", READERS)];
    let mut editor = Editor::start(&files);
    editor.open("main.pie", DECLARATIONS);
    editor.open("readers.pie", READERS);
    let rename = |editor: &mut Editor, path: &str, document: &str, text: &str, new: &str| {
        let mut parameters = editor.at(path, document, text);
        parameters["newName"] = json!(new);
        parameters
    };
    // A slice.
    let parameters = rename(&mut editor, "main.pie", DECLARATIONS, "large {", "big");
    let edit = editor.ask("textDocument/rename", parameters);
    let texts = applied(&editor, &edit, &files);
    assert_eq!(texts["main.pie"], DECLARATIONS.replace("shop.large {", "shop.big {"));
    assert_eq!(texts["readers.pie"], READERS.replace("shop.large", "shop.big"));
    // A source, which a query names in front of a column too; and a domain.
    let parameters = rename(&mut editor, "main.pie", DECLARATIONS, "lines {", "Order Lines");
    let edit = editor.ask("textDocument/rename", parameters);
    assert!(applied(&editor, &edit, &files)["main.pie"].contains("from \"Order Lines\" where"), "{edit:#}");
    let parameters = rename(&mut editor, "main.pie", DECLARATIONS, "shop {", "store");
    let edit = editor.ask("textDocument/rename", parameters);
    let texts = applied(&editor, &edit, &files);
    assert_eq!(texts["readers.pie"], READERS.replace("shop.large", "store.large"));
    // A column: readers keep the names of theirs, but for those that come through `*`, whose readers follow.
    let parameters = rename(&mut editor, "readers.pie", READERS, "amount) as total", "net");
    let edit = editor.ask("textDocument/rename", parameters);
    let texts = applied(&editor, &edit, &files);
    let main = DECLARATIONS.replace("select id, amount from", "select id, amount as net from");
    assert_eq!(texts["main.pie"], main.replace("positive (amount", "positive (net"));
    assert_eq!(texts["readers.pie"], READERS.replace("l.amount", "l.net").replace("max(amount)", "max(net)"));
    for (path, text) in &texts {
        editor.replace(path, text);
    }
    assert_eq!((editor.told("main.pie").len(), editor.told("readers.pie").len()), (0, 0));
    // What breaks the project, and what the files say.
    let parameters = rename(&mut editor, "main.pie", &texts["main.pie"], "lines {", "large");
    assert_eq!(editor.refused("textDocument/rename", parameters), "there is `shop.large` already");
    let parameters = rename(&mut editor, "main.pie", &texts["main.pie"], "amount int", "net");
    let why = editor.refused("textDocument/rename", parameters);
    assert_eq!(why, "the files of `shop.lines` call it `amount`: give it another name in a slice");
}

fn labels(answer: &Value) -> Vec<String> {
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|item| Some(item["label"].as_str()?.to_owned())).collect()
}

#[test]
fn what_may_be_written_depends_on_the_place() {
    let mut editor = Editor::start(&[("main.pie", DECLARATIONS), ("readers.pie", READERS)]);
    editor.open("readers.pie", READERS);
    let mut complete = |text: &str| {
        let document = text.replacen('|', "", 1);
        editor.replace("readers.pie", &document);
        let position = position(&document, text.find('|').expect("a place"));
        let parameters = json!({ "textDocument": { "uri": editor.uri("readers.pie") }, "position": position });
        let answer = editor.ask("textDocument/completion", parameters);
        let typed: lsp::CompletionList = serde_json::from_value(answer.clone()).expect("a list of the protocol");
        drop(typed);
        labels(&answer)
    };
    let head = "domain finance { owner 'x@y.z' }\n";
    let has = |found: &[String], wanted: &[&str], not: &[&str]| {
        for name in wanted {
            assert!(found.iter().any(|label| label == name), "{name} in {found:?}");
        }
        for name in not {
            assert!(!found.iter().any(|label| label == name), "{name} in {found:?}");
        }
    };
    has(&complete(&format!("{head}|")), &["slice", "source", "public"], &["select", "amount"]);
    has(&complete(&format!("{head}public |")), &["slice", "source"], &["domain"]);
    has(&complete(&format!("{head}public slice |")), &["finance", "shop"], &["select"]);
    has(&complete(&format!("{head}slice finance.a {{\n  |\n}}")), &["key", "check", "select"], &["from", "owner"]);
    has(
        &complete(&format!("{head}slice finance.a {{\n  select | from shop.large\n}}")),
        &["id", "amount", "sum"],
        &["state"],
    );
    has(
        &complete(&format!("{head}slice finance.a {{\n  select l.| from shop.large l\n}}")),
        &["id", "amount"],
        &["sum", "state"],
    );
    has(
        &complete(&format!("{head}slice finance.a {{ select id from | }}")),
        &["shop.large", "shop.lines"],
        &["amount", "sum"],
    );
    has(&complete(&format!("{head}slice finance.a {{ select id from shop.| }}")), &["large", "lines"], &["amount"]);
    has(&complete(&format!("{head}slice finance.a {{ select id from shop.large where am|")), &["amount"], &[]);
    has(
        &complete(&format!("{head}slice finance.a {{\n  key (|)\n  select id, amount from shop.large\n}}")),
        &["id", "amount"],
        &["select"],
    );
    has(&complete(&format!("{head}public source finance.s {{\n  columns (a |)\n}}")), &["bigint", "text"], &["select"]);
}

#[test]
fn the_file_is_outlined_folded_coloured_and_annotated() {
    let mut editor = Editor::start(&[("main.pie", DECLARATIONS), ("readers.pie", READERS)]);
    editor.open("main.pie", DECLARATIONS);
    let document = json!({ "textDocument": { "uri": editor.uri("main.pie") } });
    let symbols = editor.ask("textDocument/documentSymbol", document.clone());
    let typed: Vec<lsp::DocumentSymbol> = serde_json::from_value(symbols).expect("symbols of the protocol");
    let names: Vec<&str> = typed.iter().map(|symbol| symbol.name.as_str()).collect();
    assert_eq!(names, ["shop", "shop.lines", "shop.large"]);
    let folding = editor.ask("textDocument/foldingRange", document.clone());
    let typed: Vec<lsp::FoldingRange> = serde_json::from_value(folding).expect("ranges of the protocol");
    assert_eq!(typed.iter().map(|range| (range.start_line, range.end_line)).collect::<Vec<_>>(), [(3, 6), (9, 13)]);
    let tokens = editor.ask("textDocument/semanticTokens/full", document.clone());
    let typed: lsp::SemanticTokens = serde_json::from_value(tokens).expect("tokens of the protocol");
    assert!(typed.data.len() > 10);
    let lenses = editor.ask("textDocument/codeLens", document.clone());
    let typed: Vec<lsp::CodeLens> = serde_json::from_value(lenses.clone()).expect("lenses of the protocol");
    assert_eq!(typed.len(), 2);
    assert_eq!(lenses[0]["command"]["title"], "changes 4 slices");
    assert_eq!(lenses[1]["command"]["title"], "changes 3 slices; 2 readers in other domains");
    let mut parameters = document.clone();
    parameters["range"] = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let hints = editor.ask("textDocument/inlayHint", parameters);
    let typed: Vec<lsp::InlayHint> = serde_json::from_value(hints.clone()).expect("hints of the protocol");
    assert_eq!(typed.len(), 2);
    assert_eq!((&hints[0]["label"], &hints[1]["label"]), (&json!(": bigint"), &json!(": int")));
    let items = editor.at("main.pie", DECLARATIONS, "large {");
    let items = editor.ask("textDocument/prepareCallHierarchy", items);
    let typed: Vec<lsp::CallHierarchyItem> = serde_json::from_value(items.clone()).expect("items of the protocol");
    assert_eq!(typed.len(), 1);
    let calls = editor.ask("callHierarchy/incomingCalls", json!({ "item": items[0] }));
    let typed: Vec<lsp::CallHierarchyIncomingCall> =
        serde_json::from_value(calls.clone()).expect("calls of the protocol");
    assert_eq!(typed.len(), 2, "{calls:#}");
    let calls = editor.ask("callHierarchy/outgoingCalls", json!({ "item": items[0] }));
    assert_eq!(calls[0]["to"]["name"], "shop.lines");
    let mut parameters = document;
    parameters["options"] = json!({ "tabSize": 2, "insertSpaces": true });
    editor.replace("main.pie", &DECLARATIONS.replace("  key (id)", " key   ( id )"));
    let edits = editor.ask("textDocument/formatting", parameters);
    assert!(edits[0]["newText"].as_str().is_some_and(|text| text.contains("\n  key (id)\n")), "{edits:#}");
}

#[test]
fn a_broken_file_keeps_what_was_known() {
    let mut editor = Editor::start(&[("main.pie", DECLARATIONS), ("readers.pie", READERS)]);
    editor.open("main.pie", DECLARATIONS);
    editor.open("readers.pie", READERS);
    editor.settle();
    editor.replace("main.pie", &DECLARATIONS.replace("select id, amount from", "select id, amuont( from"));
    assert!(!editor.told("main.pie").is_empty());
    let on_slice = editor.at("readers.pie", READERS, "large l");
    let hover = editor.ask("textDocument/hover", on_slice);
    assert!(hover["contents"]["value"].as_str().is_some_and(|text| text.contains("| amount | int |")), "{hover}");
}

#[test]
fn what_is_cancelled_in_time_is_not_answered_and_wrong_requests_are_refused() {
    let mut editor = Editor::start(&[("main.pie", DECLARATIONS)]);
    // All are in the queue before the first is looked at, or the first were answered: either way each is answered once.
    let place = editor.at("main.pie", DECLARATIONS, "large {");
    let ids: Vec<i32> = (0..20).map(|_| editor.send("textDocument/hover", place.clone())).collect();
    editor.notify("$/cancelRequest", json!({ "id": ids[19] }));
    for id in ids {
        match editor.wait(id).response_result {
            Ok(answer) => assert!(answer["contents"].is_object()),
            Err(error) => assert_eq!(error.code, lsp_server::ErrorCode::RequestCanceled as i32),
        }
    }
    assert_eq!(editor.refused("textDocument/nothing", json!({})), "there is no method textDocument/nothing");
    assert_eq!(editor.ask("textDocument/hover", json!({ "textDocument": {} })), Value::Null);
    assert_eq!(editor.ask("textDocument/completion", json!([])), Value::Null);
}

/// Numbers that follow from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % bound.max(1) as u64) as usize
    }
}

/// What is told of a project, in an order of its own: file, range, code, severity.
fn fresh(folder: &Path) -> Vec<(String, String, String, u64)> {
    let project = driver::check(workspace::load(folder));
    let place = |found: &Diagnostic| {
        let severity = match found.severity {
            Severity::Error => 1,
            Severity::Warning => 2,
            Severity::Note => 3,
        };
        let (path, range) = match found.span {
            Some(span) => {
                let source = project.workspace.sources.get(span.file);
                let at = |offset: u32| position(source.text(), offset as usize);
                (source.path().to_owned(), json!({ "start": at(span.start), "end": at(span.end) }).to_string())
            }
            None => ("pie.toml".to_owned(), String::new()),
        };
        (path, range, found.code.as_str().to_owned(), severity)
    };
    let mut all: Vec<_> = project.diagnostics.iter().map(place).collect();
    all.sort();
    all
}

fn known(editor: &Editor) -> Vec<(String, String, String, u64)> {
    let root = editor.uri("");
    let mut all = Vec::new();
    for (uri, found) in &editor.told {
        let path = uri.strip_prefix(&root).expect("a file of the project").trim_start_matches('/').to_owned();
        for found in found.as_array().into_iter().flatten() {
            let range = if path == "pie.toml" { String::new() } else { found["range"].to_string() };
            let code = found["code"].as_str().unwrap_or_default().to_owned();
            all.push((path.clone(), range, code, found["severity"].as_u64().unwrap_or_default()));
        }
    }
    all.sort();
    all
}

/// Somebody edits without sense: what is told in the end is what a fresh check finds.
#[test]
fn random_edits_end_with_what_a_fresh_check_finds() {
    let minutes = std::env::var("LSP_MINUTES").ok().and_then(|text| text.parse::<u64>().ok());
    let until = minutes.map(|minutes| std::time::Instant::now() + std::time::Duration::from_secs(60 * minutes));
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let made = pie::run(dir.path(), &["init", ".", "--template", "ledgerx"]);
    assert_eq!(made.code, 0, "{}", made.transcript());
    let _ = std::fs::remove_dir_all(dir.path().join("raw"));
    let names: Vec<String> = std::fs::read_dir(dir.path())
        .expect("it is there")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".pie"))
        .collect();
    let original: BTreeMap<String, String> = names
        .iter()
        .map(|name| (name.clone(), std::fs::read_to_string(dir.path().join(name)).expect("it is text")))
        .collect();
    let mut texts = original.clone();
    let mut editor = Editor::start_in(dir);
    for (path, text) in &original {
        editor.open(path, text);
    }
    let mut random = Random(std::env::var("LSP_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1));
    let pieces = [
        "{",
        "}",
        "(",
        ")",
        "'",
        "\"",
        ",",
        "\n",
        "🥧",
        "--",
        "select ",
        " from ",
        "amount",
        "slice x.y {",
        "\t",
        "é",
        ";",
        "payments.",
    ];
    let mut steps = 0usize;
    loop {
        let over = until.map_or(steps >= 150, |until| std::time::Instant::now() >= until);
        if over {
            break;
        }
        steps += 1;
        let path = names[random.below(names.len())].clone();
        let text = texts[&path].clone();
        let boundary = |mut at: usize| {
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = boundary(random.below(text.len() + 1));
        let whole = match random.below(12) {
            0 => Some(String::new()),
            1 | 2 => Some(original[&path].clone()),
            3 => {
                // Saved, and told by another program at the same time.
                write(editor.dir.path(), &path, &text);
                let uri = editor.uri(&path);
                editor.notify("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": uri, "type": 2 }] }));
                None
            }
            choice => {
                let end = boundary((start + [0, 1, 5, 40][random.below(4)]).min(text.len()));
                let piece = if choice < 6 { "" } else { pieces[random.below(pieces.len())] };
                let mut new = text.clone();
                new.replace_range(start..end, piece);
                let range = json!({ "start": position(&text, start), "end": position(&text, end) });
                editor.change(&path, json!([{ "range": range, "text": piece }]));
                texts.insert(path.clone(), new);
                None
            }
        };
        if let Some(text) = whole {
            editor.replace(&path, &text);
            texts.insert(path.clone(), text);
        }
        if steps.is_multiple_of(10) {
            editor.settle();
            for (path, text) in &texts {
                write(editor.dir.path(), path, text);
            }
            assert_eq!(known(&editor), fresh(editor.dir.path()), "after {steps} edits");
        }
    }
    editor.settle();
    for (path, text) in &texts {
        write(editor.dir.path(), path, text);
    }
    assert_eq!(known(&editor), fresh(editor.dir.path()), "at the end, after {steps} edits");
    eprintln!("{steps} edits");
}
