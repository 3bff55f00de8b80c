//! The projects and documents that an editor has open, and what was told it of them.

use super::convert::{self, Position};
use crate::driver::{self, Project};
use crate::ide::View;
use crate::memo::Memo;
use crate::semantic::SemanticModel;
use crate::syntax;
use crate::text::{FileId, SourceMap, SourceText};
use crate::workspace::{self, CONFIG_FILE};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A document that is open in the editor.
struct Document {
    text: String,
    version: Value,
    path: Option<PathBuf>,
}

/// A project of which a document is open, or which is the editor's own folder.
pub struct Opened {
    root: PathBuf,
    view: Option<Arc<View>>,
    /// The last model without errors.
    good: Option<Arc<SemanticModel>>,
    memo: Memo,
    /// The texts changed since it was checked.
    is_stale: bool,
    /// What was told of each file, by path below the root.
    told: BTreeMap<String, Value>,
}

/// Everything that an editor has open.
#[derive(Default)]
pub struct Session {
    documents: HashMap<String, Document>,
    projects: BTreeMap<PathBuf, Opened>,
    /// Told of documents that belong to no project.
    alone: BTreeSet<String>,
}

/// A file of a checked project.
pub struct Place {
    pub view: Arc<View>,
    pub file: FileId,
}

impl Place {
    pub fn text(&self) -> &SourceText {
        self.view.project.workspace.sources.get(self.file)
    }
}

impl Session {
    /// Opens the project that a folder is in, if there is one.
    pub fn open_folder(&mut self, folder: &Path) {
        if let Some(root) = folder.ancestors().find(|folder| folder.join(CONFIG_FILE).is_file()) {
            self.project(&root.to_owned());
        }
    }

    pub fn open(&mut self, uri: &str, text: String, version: Value) {
        let path = convert::path(uri);
        self.documents.insert(uri.to_owned(), Document { text, version, path });
        self.document_changed(uri);
    }

    /// Applies changes of a document, in their order.
    pub fn change(&mut self, uri: &str, changes: &[Value], version: Value) {
        let Some(document) = self.documents.get_mut(uri) else { return };
        document.version = version;
        for change in changes {
            let new = change.get("text").and_then(Value::as_str).unwrap_or_default();
            let Some(range) = change.get("range").filter(|range| !range.is_null()) else {
                document.text = new.to_owned();
                continue;
            };
            let text = SourceText::new("", document.text.as_str());
            let at = |name: &str| Some(convert::offset(&text, Position::of(range.get(name)?)?) as usize);
            if let (Some(start), Some(end)) = (at("start"), at("end")) {
                document.text.replace_range(start..end.max(start), new);
            }
        }
        self.document_changed(uri);
    }

    pub fn close(&mut self, uri: &str) {
        let Some(document) = self.documents.remove(uri) else { return };
        // What counts now is on the disk, or nowhere.
        if let Some(root) = document.path.as_deref().and_then(root_of) {
            self.reload(&root);
        }
    }

    /// Files changed outside of the editor.
    pub fn files_changed(&mut self, uris: &[String]) {
        let paths: Vec<PathBuf> = uris.iter().filter_map(|uri| convert::path(uri)).collect();
        let roots: BTreeSet<PathBuf> = self.projects.keys().cloned().collect();
        for root in roots {
            // What the editor itself has open is known better already, unless it is gone.
            let is_open = |path: &PathBuf| self.documents.values().any(|open| open.path.as_ref() == Some(path));
            let is_news = |path: &PathBuf| path.starts_with(&root) && !(is_open(path) && path.is_file());
            if paths.iter().any(is_news) {
                self.reload(&root);
            }
        }
        // A project may begin here.
        let uris: Vec<String> = self.documents.keys().cloned().collect();
        for uri in uris {
            let root = self.documents.get(&uri).and_then(|open| root_of(open.path.as_deref()?));
            if root.is_some_and(|root| !self.projects.contains_key(&root)) {
                self.document_changed(&uri);
            }
        }
    }

    fn document_changed(&mut self, uri: &str) {
        let Some(document) = self.documents.get(uri) else { return };
        let Some(path) = &document.path else { return };
        let Some(root) = root_of(path) else { return };
        let text = document.text.clone();
        let below = path.strip_prefix(&root).map(below).unwrap_or_default();
        if !self.projects.contains_key(&root) {
            self.project(&root);
            return;
        }
        let Some(opened) = self.projects.get_mut(&root) else { return };
        let known = opened.view.as_mut().map(Arc::make_mut).and_then(|view| {
            let workspace = &mut view.project.workspace;
            let file = workspace.file(&below)?;
            (text.len() <= workspace.config.limits.file_bytes).then_some((view, file))
        });
        match known {
            Some((view, file)) => {
                view.project.workspace.sources.replace(file, text);
                let source = view.project.workspace.sources.get(file);
                let parse = syntax::parse(file, source.text());
                if let Some(place) = view.project.parses.iter_mut().find(|parse| parse.file.id == file) {
                    *place = parse;
                }
                opened.is_stale = true;
            }
            None => self.reload(&root),
        }
    }

    fn project(&mut self, root: &PathBuf) {
        if !self.projects.contains_key(root) {
            let opened = Opened {
                root: root.clone(),
                view: None,
                good: None,
                memo: Memo::none(),
                is_stale: true,
                told: BTreeMap::new(),
            };
            self.projects.insert(root.clone(), opened);
        }
        self.reload(root);
    }

    /// Reads a project again, with the documents that are open in the place of their files.
    fn reload(&mut self, root: &Path) {
        let Some(opened) = self.projects.get_mut(root) else { return };
        let of_project = self.documents.values().filter_map(|document| {
            let path = document.path.as_ref()?;
            let below_root = path.strip_prefix(root).ok()?;
            let is_pie = path.extension().is_some_and(|extension| extension == "pie");
            (is_pie && root_of(path)? == root).then(|| (below(below_root), document.text.clone()))
        });
        let edited: BTreeMap<String, String> = of_project.collect();
        let workspace = workspace::load_with(root, &edited);
        if opened.view.is_none() {
            opened.memo = driver::memo_of(&workspace);
        }
        let parses = driver::parse(&workspace);
        let project = driver::check_parsed(workspace, parses, opened.memo.clone());
        opened.show(project);
    }

    /// Checks what changed.
    fn check(&mut self) {
        for opened in self.projects.values_mut().filter(|opened| opened.is_stale) {
            let Some(view) = opened.view.take() else { continue };
            let Project { workspace, parses, .. } = Arc::unwrap_or_clone(view).project;
            let project = driver::check_parsed(workspace, parses, opened.memo.clone());
            opened.show(project);
        }
    }

    /// Keeps what was found out for the next time.
    pub fn save(&self) {
        self.projects.values().for_each(|opened| opened.memo.save());
    }

    /// Checks what changed, and gives what is new to be told of files: parameters of `publishDiagnostics`.
    pub fn news(&mut self) -> Vec<Value> {
        self.check();
        let mut news = Vec::new();
        let (documents, projects) = (&self.documents, &mut self.projects);
        for opened in projects.values_mut() {
            opened.news(documents, &mut news);
        }
        self.news_alone(&mut news);
        news
    }

    /// Documents outside of any project: only their syntax can be looked at.
    fn news_alone(&mut self, news: &mut Vec<Value>) {
        let is_alone = |document: &Document| document.path.as_deref().and_then(root_of).is_none();
        let gone: Vec<String> =
            self.alone.iter().filter(|uri| !self.documents.get(*uri).is_some_and(is_alone)).cloned().collect();
        for uri in gone {
            self.alone.remove(&uri);
            if !self.documents.contains_key(&uri) {
                news.push(json!({ "uri": uri, "diagnostics": [] }));
            }
        }
        for (uri, document) in self.documents.iter().filter(|(_, document)| is_alone(document)) {
            let mut sources = SourceMap::default();
            let file = sources.add(uri.as_str(), document.text.as_str());
            let parse = syntax::parse(file, &document.text);
            let found = parse.diagnostics.iter();
            let found: Vec<Value> = found.map(|found| convert::diagnostic(found, &sources, &|_| uri.clone())).collect();
            news.push(json!({ "uri": uri, "version": document.version, "diagnostics": found }));
            self.alone.insert(uri.clone());
        }
    }

    /// A document's file in its project, checked as it is now.
    pub fn place(&mut self, uri: &str) -> Option<Place> {
        self.check();
        let path = self.documents.get(uri).and_then(|open| open.path.clone()).or_else(|| convert::path(uri))?;
        let root = root_of(&path)?;
        let view = Arc::clone(self.projects.get(&root)?.view.as_ref()?);
        let file = view.project.workspace.file(&below(path.strip_prefix(&root).ok()?))?;
        Some(Place { view, file })
    }

    /// All projects, checked as they are now.
    pub fn views(&mut self) -> Vec<Arc<View>> {
        self.check();
        self.projects.values().filter_map(|opened| opened.view.clone()).collect()
    }

    /// The address of a file of a project, as the editor writes it where it has it open.
    pub fn uri(&self, view: &View, file: FileId) -> String {
        let path = view.project.workspace.root.join(view.project.workspace.sources.get(file).path());
        uri_of(&self.documents, &path)
    }
}

fn uri_of(documents: &HashMap<String, Document>, path: &Path) -> String {
    let open = documents.iter().find(|(_, document)| document.path.as_deref() == Some(path));
    open.map_or_else(|| convert::uri(path), |(uri, _)| uri.clone())
}

impl Opened {
    fn show(&mut self, project: Project) {
        if !project.has_errors() {
            self.good = Some(Arc::clone(&project.model));
        }
        self.view = Some(Arc::new(View::new(project, self.good.clone())));
        self.is_stale = false;
    }

    fn news(&mut self, documents: &HashMap<String, Document>, news: &mut Vec<Value>) {
        let Some(view) = &self.view else { return };
        let sources = &view.project.workspace.sources;
        let address = |file: FileId| uri_of(documents, &self.root.join(sources.get(file).path()));
        let mut by_path: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for found in &view.project.diagnostics {
            let path = found.span.map_or(CONFIG_FILE, |span| sources.get(span.file).path());
            let json = convert::diagnostic(found, sources, &address);
            by_path.entry(path.to_owned()).or_default().push(json);
        }
        let known: BTreeSet<String> = self.told.keys().chain(by_path.keys()).cloned().collect();
        // Documents that are open hear of each version.
        let open = documents.values().filter_map(|document| document.path.as_ref()?.strip_prefix(&self.root).ok());
        let open: BTreeSet<String> = open.map(below).collect();
        for path in known.union(&open) {
            let found = Value::from(by_path.remove(path).unwrap_or_default());
            let absolute = self.root.join(path);
            let uri = uri_of(documents, &absolute);
            let mut json = json!({ "uri": uri, "diagnostics": found });
            if let Some(document) = documents.get(&uri) {
                json["version"] = document.version.clone();
            }
            if self.told.get(path) == Some(&json) {
                continue;
            }
            if json["diagnostics"].as_array().is_some_and(Vec::is_empty) && !open.contains(path) {
                self.told.remove(path);
            } else {
                self.told.insert(path.clone(), json.clone());
            }
            news.push(json);
        }
    }
}

/// The nearest folder upward with a `pie.toml`.
fn root_of(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).find(|folder| folder.join(CONFIG_FILE).is_file()).map(Path::to_owned)
}

fn below(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/")
}
