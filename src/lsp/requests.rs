//! What the server can do, and its answers.

use super::convert::{self, Position};
use super::session::{Place, Session};
use crate::driver;
use crate::ide::{self, CandidateKind, Item, ItemKind, Role, Symbol, View};
use crate::name::RelationName;
use crate::resolve::RelationDeclaration;
use crate::syntax::format;
use crate::text::{SourceMap, Span};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Kinds of tokens, in the order of their numbers.
const TOKENS: [&str; 3] = ["namespace", "class", "property"];
const MODIFIERS: [&str; 1] = ["declaration"];

pub fn capabilities() -> Value {
    json!({
        "positionEncoding": "utf-16",
        "textDocumentSync": { "openClose": true, "change": 2, "save": true },
        "hoverProvider": true,
        "definitionProvider": true,
        "referencesProvider": true,
        "renameProvider": { "prepareProvider": true },
        "completionProvider": { "triggerCharacters": [".", "(", " "] },
        "documentSymbolProvider": true,
        "workspaceSymbolProvider": true,
        "documentFormattingProvider": true,
        "foldingRangeProvider": true,
        "inlayHintProvider": true,
        "codeLensProvider": {},
        "codeActionProvider": { "codeActionKinds": ["quickfix"] },
        "callHierarchyProvider": true,
        "semanticTokensProvider": {
            "legend": { "tokenTypes": TOKENS, "tokenModifiers": MODIFIERS },
            "full": true,
        },
        "workspace": { "workspaceFolders": { "supported": true, "changeNotifications": true } },
    })
}

/// The answer to a request, or why there is none; `None` where there is no such request.
pub fn answer(session: &mut Session, method: &str, parameters: &Value) -> Option<Result<Value, String>> {
    let uri = parameters["textDocument"]["uri"].as_str().unwrap_or_default().to_owned();
    let nothing = |value: Option<Value>| Ok(value.unwrap_or(Value::Null));
    Some(match method {
        "textDocument/hover" => nothing(hover(session, &uri, parameters)),
        "textDocument/definition" => nothing(definition(session, &uri, parameters)),
        "textDocument/references" => nothing(references(session, &uri, parameters)),
        "textDocument/prepareRename" => prepare_rename(session, &uri, parameters),
        "textDocument/rename" => rename(session, &uri, parameters),
        "textDocument/completion" => nothing(completion(session, &uri, parameters)),
        "textDocument/documentSymbol" => nothing(outline(session, &uri)),
        "workspace/symbol" => Ok(symbols(session, parameters["query"].as_str().unwrap_or_default())),
        "textDocument/formatting" => nothing(formatting(session, &uri)),
        "textDocument/foldingRange" => nothing(folding(session, &uri)),
        "textDocument/inlayHint" => nothing(hints(session, &uri, parameters)),
        "textDocument/codeLens" => nothing(lenses(session, &uri)),
        "textDocument/codeAction" => nothing(actions(session, &uri, parameters)),
        "textDocument/semanticTokens/full" => nothing(tokens(session, &uri)),
        "textDocument/prepareCallHierarchy" => nothing(prepare_hierarchy(session, &uri, parameters)),
        "callHierarchy/incomingCalls" => nothing(calls(session, &parameters["item"], true)),
        "callHierarchy/outgoingCalls" => nothing(calls(session, &parameters["item"], false)),
        _ => return None,
    })
}

fn offset(place: &Place, parameters: &Value) -> Option<u32> {
    Some(convert::offset(place.text(), Position::of(&parameters["position"])?))
}

fn hover(session: &mut Session, uri: &str, parameters: &Value) -> Option<Value> {
    let place = session.place_in_graph(uri)?;
    let found = ide::hover(&place.view, place.file, offset(&place, parameters)?)?;
    let mut text = found.markdown;
    if let Some(served) = found.slice.and_then(|slice| served(&place.view, &slice)) {
        text.push_str(&format!("\n{served}\n"));
    }
    let contents = json!({ "kind": "markdown", "value": text });
    Some(json!({ "contents": contents, "range": convert::range(place.text(), found.span) }))
}

/// What is served of a slice, from a store on this machine.
fn served(view: &View, slice: &RelationName) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(driver::served(&view.project, slice))
}

fn location(session: &Session, view: &View, span: Span) -> Value {
    let text = view.project.workspace.sources.get(span.file);
    json!({ "uri": session.uri(view, span.file), "range": convert::range(text, span) })
}

fn definition(session: &mut Session, uri: &str, parameters: &Value) -> Option<Value> {
    let place = session.place(uri)?;
    let found = ide::at(&place.view, place.file, offset(&place, parameters)?)?;
    let spans = ide::definition(&place.view, &found.symbol);
    let view = Arc::clone(&place.view);
    Some(spans.into_iter().map(|span| location(session, &view, span)).collect())
}

fn references(session: &mut Session, uri: &str, parameters: &Value) -> Option<Value> {
    let place = session.place(uri)?;
    let found = ide::at(&place.view, place.file, offset(&place, parameters)?)?;
    let with_declaration = parameters["context"]["includeDeclaration"].as_bool().unwrap_or(true);
    let mut found = ide::of(&place.view, &found.symbol);
    found.retain(|found| with_declaration || found.role != Role::Declaration);
    let mut spans: Vec<Span> = found.into_iter().map(|found| found.span).collect();
    spans.sort();
    spans.dedup();
    let view = Arc::clone(&place.view);
    Some(spans.into_iter().map(|span| location(session, &view, span)).collect())
}

fn prepare_rename(session: &mut Session, uri: &str, parameters: &Value) -> Result<Value, String> {
    let Some(place) = session.place_in_graph(uri) else { return Ok(Value::Null) };
    let Some(offset) = offset(&place, parameters) else { return Ok(Value::Null) };
    let (span, placeholder) = ide::renameable(&place.view, place.file, offset)?;
    Ok(json!({ "range": convert::range(place.text(), span), "placeholder": placeholder }))
}

fn rename(session: &mut Session, uri: &str, parameters: &Value) -> Result<Value, String> {
    let Some(place) = session.place_in_graph(uri) else { return Ok(Value::Null) };
    let Some(offset) = offset(&place, parameters) else { return Ok(Value::Null) };
    let new = parameters["newName"].as_str().unwrap_or_default();
    let renamed = ide::rename(&place.view, place.file, offset, new)?;
    let view = Arc::clone(&place.view);
    Ok(edits(session, &view, &renamed.edits))
}

fn edits(session: &Session, view: &View, edits: &[(Span, String)]) -> Value {
    let mut changes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (span, text) in edits {
        let range = convert::range(view.project.workspace.sources.get(span.file), *span);
        changes.entry(session.uri(view, span.file)).or_default().push(json!({ "range": range, "newText": text }));
    }
    json!({ "changes": changes })
}

fn completion(session: &mut Session, uri: &str, parameters: &Value) -> Option<Value> {
    let place = session.place(uri)?;
    let (word, candidates) = ide::complete(&place.view, place.file, offset(&place, parameters)?);
    let range = convert::range(place.text(), word);
    let item = |candidate: ide::Candidate| {
        let (kind, order) = match candidate.kind {
            CandidateKind::Column => (5, 0),
            CandidateKind::Relation => (7, 1),
            CandidateKind::Domain => (9, 2),
            CandidateKind::Keyword => (14, 3),
            CandidateKind::Type => (25, 3),
            CandidateKind::Function => (3, 4),
        };
        let text = candidate.insert.as_ref().unwrap_or(&candidate.label);
        json!({
            "label": candidate.label,
            "kind": kind,
            "detail": candidate.detail,
            "sortText": format!("{order}{}", candidate.label),
            "textEdit": { "range": range, "newText": text },
        })
    };
    let items: Vec<Value> = candidates.into_iter().map(item).collect();
    Some(json!({ "isIncomplete": false, "items": items }))
}

fn outline(session: &mut Session, uri: &str) -> Option<Value> {
    let place = session.place(uri)?;
    let parse = place.view.project.parse_of(place.file)?;
    let items = ide::outline(&parse.file);
    Some(items.iter().map(|item| symbol(item, &place)).collect())
}

fn kind(kind: ItemKind) -> u32 {
    match kind {
        ItemKind::Domain => 3,
        ItemKind::Source => 11,
        ItemKind::Slice => 5,
        ItemKind::Test => 6,
        ItemKind::Column => 8,
        ItemKind::Check => 17,
    }
}

fn symbol(item: &Item, place: &Place) -> Value {
    json!({
        "name": if item.name.is_empty() { "?" } else { &item.name },
        "detail": item.detail,
        "kind": kind(item.kind),
        "range": convert::range(place.text(), item.span),
        "selectionRange": convert::range(place.text(), item.selection),
        "children": item.children.iter().map(|child| symbol(child, place)).collect::<Vec<_>>(),
    })
}

/// Nobody reads a longer list.
const MAX_SYMBOLS: usize = 500;

fn symbols(session: &mut Session, query: &str) -> Value {
    let wanted = query.to_lowercase();
    let views = session.views();
    let mut found = Vec::new();
    for view in &views {
        let relations = view.project.model.declarations.relations.iter();
        let matching = relations.filter(|(name, _)| name.to_string().contains(&wanted));
        for (name, declared) in matching.take(MAX_SYMBOLS - found.len().min(MAX_SYMBOLS)) {
            let item = match declared {
                RelationDeclaration::Source(_) => ItemKind::Source,
                RelationDeclaration::Slice(_) => ItemKind::Slice,
            };
            found.push(json!({
                "name": name.to_string(),
                "kind": kind(item),
                "location": location(session, view, declared.name_span()),
                "containerName": name.domain(),
            }));
        }
    }
    Value::from(found)
}

fn formatting(session: &mut Session, uri: &str) -> Option<Value> {
    let place = session.place(uri)?;
    let parse = place.view.project.parse_of(place.file)?;
    // What can't be read isn't touched.
    if parse.diagnostics.iter().any(crate::diagnostic::Diagnostic::is_error) {
        return Some(json!([]));
    }
    let text = place.text();
    let formatted = format::format(&parse.file, text.text());
    if formatted == text.text() {
        return Some(json!([]));
    }
    let whole = Span::new(place.file, 0, text.text().len());
    Some(json!([{ "range": convert::range(text, whole), "newText": formatted }]))
}

fn folding(session: &mut Session, uri: &str) -> Option<Value> {
    let place = session.place(uri)?;
    let parse = place.view.project.parse_of(place.file)?;
    let fold = |folding: ide::Folding| {
        let kind = if folding.is_comment { "comment" } else { "region" };
        json!({ "startLine": folding.first, "endLine": folding.last, "kind": kind })
    };
    Some(ide::folding(&parse.file, place.text()).into_iter().map(fold).collect())
}

fn hints(session: &mut Session, uri: &str, parameters: &Value) -> Option<Value> {
    let place = session.place(uri)?;
    let text = place.text();
    let wanted = convert::span(text, place.file, &parameters["range"]);
    let hints = ide::hints(&place.view, place.file);
    let shown =
        hints.iter().filter(|hint| wanted.is_none_or(|span| span.start <= hint.offset && hint.offset <= span.end));
    let json = |hint: &ide::Hint| {
        let at = convert::position(text, hint.offset);
        json!({
            "position": { "line": at.line, "character": at.character },
            "label": format!(": {}", hint.text),
            "kind": 1,
        })
    };
    Some(shown.map(json).collect())
}

fn lenses(session: &mut Session, uri: &str) -> Option<Value> {
    let place = session.place_in_graph(uri)?;
    let lens = |lens: ide::Lens| {
        // It only says something: a command without a name can be shown and not run.
        json!({ "range": convert::range(place.text(), lens.span), "command": { "title": lens.text, "command": "" } })
    };
    Some(ide::lenses(&place.view, place.file).into_iter().map(lens).collect())
}

fn actions(session: &mut Session, uri: &str, parameters: &Value) -> Option<Value> {
    let only = parameters["context"]["only"].as_array().cloned();
    let wants = only.is_none_or(|only| only.iter().filter_map(Value::as_str).any(|kind| "quickfix".starts_with(kind)));
    if !wants {
        return Some(json!([]));
    }
    let place = session.place(uri)?;
    let wanted = convert::span(place.text(), place.file, &parameters["range"])?;
    let view = Arc::clone(&place.view);
    let file = place.file;
    let sources: &SourceMap = &view.project.workspace.sources;
    let mut actions = Vec::new();
    for found in view.project.found_in(file) {
        let touches = |span: Span| span.file == file && span.start <= wanted.end && wanted.start <= span.end;
        if !found.span.is_some_and(touches) {
            continue;
        }
        let diagnostic = convert::diagnostic(found, sources, &|file| session.uri(&view, file));
        for fix in &found.fixes {
            actions.push(json!({
                "title": fix.title,
                "kind": "quickfix",
                "diagnostics": [diagnostic],
                "isPreferred": found.fixes.len() == 1,
                "edit": edits(session, &view, &fix.edits),
            }));
        }
    }
    Some(Value::from(actions))
}

fn tokens(session: &mut Session, uri: &str) -> Option<Value> {
    let place = session.place(uri)?;
    let text = place.text();
    let mut data: Vec<u32> = Vec::new();
    let (mut line, mut character, mut behind) = (0, 0, 0);
    for found in ide::in_file(&place.view, place.file) {
        // Names within a line, none over another.
        let (start, end) = (convert::position(text, found.span.start), convert::position(text, found.span.end));
        if found.span.is_empty() || start.line != end.line || found.span.start < behind {
            continue;
        }
        behind = found.span.end;
        let kind = match found.symbol {
            Symbol::Domain(_) => 0,
            Symbol::Relation(_) => 1,
            Symbol::Column(..) => 2,
        };
        let after = if start.line == line { start.character - character } else { start.character };
        let modifiers = u32::from(found.role == Role::Declaration);
        data.extend([start.line - line, after, end.character - start.character, kind, modifiers]);
        (line, character) = (start.line, start.character);
    }
    Some(json!({ "data": data }))
}

/// A source or slice in the lineage.
fn item(session: &Session, view: &View, name: &RelationName) -> Option<Value> {
    let declared = view.project.model.declarations.relations.get(name)?;
    let (whole, of) = match declared {
        RelationDeclaration::Source(source) => (source.syntax.span, ItemKind::Source),
        RelationDeclaration::Slice(slice) => (slice.syntax.span, ItemKind::Slice),
    };
    let text = view.project.workspace.sources.get(whole.file);
    Some(json!({
        "name": name.to_string(),
        "detail": declared.kind(),
        "kind": kind(of),
        "uri": session.uri(view, whole.file),
        "range": convert::range(text, whole),
        "selectionRange": convert::range(text, declared.name_span()),
        "data": name.to_string(),
    }))
}

fn prepare_hierarchy(session: &mut Session, uri: &str, parameters: &Value) -> Option<Value> {
    let place = session.place_in_graph(uri)?;
    let found = ide::at(&place.view, place.file, offset(&place, parameters)?)?;
    let Symbol::Relation(name) = found.symbol else { return None };
    let view = Arc::clone(&place.view);
    Some(json!([item(session, &view, &name)?]))
}

/// Who reads a relation, or what it reads, with the places.
fn calls(session: &mut Session, of: &Value, incoming: bool) -> Option<Value> {
    let name = RelationName::parse(of["data"].as_str()?)?;
    let view = session.place_in_graph(of["uri"].as_str()?)?.view;
    let graph = &view.project.model.graph;
    let others = if incoming { graph.readers(&name) } else { graph.inputs(&name) };
    let call = |other: &RelationName| {
        let (reader, read) = if incoming { (other, &name) } else { (&name, other) };
        let RelationDeclaration::Slice(slice) = view.project.model.declarations.relations.get(reader)? else {
            return None;
        };
        let reads = slice.reads.iter().chain(slice.checks.iter().flat_map(|check| &check.reads));
        let places = reads.filter(|place| place.of == *read).map(|place| place.span);
        let ranges: Vec<Value> =
            places.map(|span| convert::range(view.project.workspace.sources.get(span.file), span)).collect();
        let item = item(session, &view, other)?;
        let direction = if incoming { "from" } else { "to" };
        Some(json!({ direction: item, "fromRanges": ranges }))
    };
    Some(others.iter().filter_map(call).collect())
}
