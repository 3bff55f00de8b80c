//! The projects and documents that an editor has open, and what was told it of them.

use super::convert::{self, Position};
use crate::diagnostic::Diagnostic;
use crate::driver::{self, Upkeep};
use crate::ide::View;
use crate::memo::Memo;
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
    kept: Option<Kept>,
    memo: Memo,
    /// Files whose findings may be others than were told.
    touched: BTreeSet<FileId>,
    /// All of them may.
    is_new: bool,
    /// What was told of each file, by path below the root.
    told: BTreeMap<String, Value>,
}

/// A project as it is now, kept true.
struct Kept {
    view: Arc<View>,
    upkeep: Upkeep,
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
        let Some(path) = document.path else { return };
        let Some(root) = root_of(&path) else { return };
        match std::fs::read_to_string(&path) {
            Ok(text) if text == document.text => {}
            Ok(text) if self.edit(&root, &path, &text) => {}
            _ => self.reload(&root),
        }
    }

    /// The folders of the projects that are open.
    pub fn roots(&self) -> impl Iterator<Item = &Path> {
        self.projects.keys().map(PathBuf::as_path)
    }

    /// Files changed outside of the editor.
    pub fn files_changed(&mut self, paths: &[PathBuf]) {
        let roots: BTreeSet<PathBuf> = self.projects.keys().cloned().collect();
        for root in roots {
            // What the editor itself has open is known better already, unless it is gone.
            let is_open = |path: &PathBuf| self.documents.values().any(|open| open.path.as_ref() == Some(path));
            let is_news = |path: &&PathBuf| path.starts_with(&root) && !(is_open(path) && path.is_file());
            let news: Vec<PathBuf> = paths.iter().filter(is_news).cloned().collect();
            let mut read =
                |path: &PathBuf| std::fs::read_to_string(path).is_ok_and(|text| self.edit(&root, path, &text));
            let few = news.len() <= FEW_FILES;
            if !(few && news.iter().all(&mut read)) {
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
        let Some(path) = document.path.clone() else { return };
        let Some(root) = root_of(&path) else { return };
        if !self.projects.contains_key(&root) {
            self.project(&root);
            return;
        }
        let text = document.text.clone();
        if !self.edit(&root, &path, &text) {
            self.reload(&root);
        }
    }

    /// Puts a text in the place of a file's. Gives false where the project doesn't have the file, or may not have the text.
    fn edit(&mut self, root: &Path, path: &Path, text: &str) -> bool {
        let Some(opened) = self.projects.get_mut(root) else { return false };
        let Ok(path) = path.strip_prefix(root) else { return false };
        opened.edit(&below(path), text)
    }

    fn project(&mut self, root: &PathBuf) {
        if !self.projects.contains_key(root) {
            let opened = Opened {
                root: root.clone(),
                kept: None,
                memo: Memo::none(),
                touched: BTreeSet::new(),
                is_new: true,
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
        if opened.kept.is_none() {
            opened.memo = driver::memo_of(&workspace);
        }
        let parses = driver::parse(&workspace, &opened.memo);
        let (project, upkeep) = driver::check_and_keep(workspace, parses, opened.memo.clone());
        let good = opened.kept.take().map(|kept| Arc::unwrap_or_clone(kept.view).into_good()).unwrap_or_default();
        opened.kept = Some(Kept { view: Arc::new(View::new(project, good)), upkeep });
        opened.is_new = true;
    }

    /// Follows edits into what reads the edited files, until it is done or `interrupted` says so.
    pub fn settle(&mut self, interrupted: &mut dyn FnMut() -> bool) {
        for kept in self.projects.values_mut().filter_map(|opened| opened.kept.as_mut()) {
            kept.settle(interrupted);
        }
    }

    /// Keeps what was found out for the next time.
    pub fn save(&self) {
        self.projects.values().for_each(|opened| opened.memo.save());
    }

    /// What is new to be told of files: parameters of `publishDiagnostics`.
    pub fn news(&mut self) -> Vec<Value> {
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

    /// A document's file in its project, as it is now; what other files say of it may not be known yet.
    pub fn place(&mut self, uri: &str) -> Option<Place> {
        self.place_by(uri, |kept| Arc::clone(&kept.view))
    }

    /// As [`Session::place`], for those who ask who reads what: that graph is made again after an edge has changed.
    pub fn place_in_graph(&mut self, uri: &str) -> Option<Place> {
        self.place_by(uri, Kept::view)
    }

    fn place_by(&mut self, uri: &str, view: impl FnOnce(&mut Kept) -> Arc<View>) -> Option<Place> {
        let path = self.documents.get(uri).and_then(|open| open.path.clone()).or_else(|| convert::path(uri))?;
        let root = root_of(&path)?;
        let view = view(self.projects.get_mut(&root)?.kept.as_mut()?);
        let file = view.project.workspace.file(&below(path.strip_prefix(&root).ok()?))?;
        Some(Place { view, file })
    }

    /// All projects, as they are now.
    pub fn views(&mut self) -> Vec<Arc<View>> {
        self.projects.values_mut().filter_map(|opened| opened.kept.as_mut()).map(Kept::view).collect()
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

/// More files that change at once are read with the whole project, on all cores.
const FEW_FILES: usize = 20;

impl Kept {
    /// The project with a graph that is true.
    fn view(&mut self) -> Arc<View> {
        if self.upkeep.graph_is_stale() {
            self.upkeep.refresh_graph(&mut Arc::make_mut(&mut self.view).project);
        }
        Arc::clone(&self.view)
    }

    fn settle(&mut self, interrupted: &mut dyn FnMut() -> bool) {
        if !self.upkeep.is_settled() {
            let view = Arc::make_mut(&mut self.view);
            self.upkeep.settle(&mut view.project, interrupted);
            view.keep_columns(self.upkeep.take_lost());
        }
    }
}

impl Opened {
    /// Puts a text in the place of a file's; false where that can't be done.
    fn edit(&mut self, path: &str, text: &str) -> bool {
        let Some(kept) = &mut self.kept else { return false };
        let workspace = &kept.view.project.workspace;
        let Some(file) = workspace.file(path) else { return false };
        if text.len() > workspace.config.limits.file_bytes {
            return false;
        }
        if workspace.sources.get(file).text() != text {
            let view = Arc::make_mut(&mut kept.view);
            kept.upkeep.edit(&mut view.project, file, text.to_owned());
            view.keep_columns(kept.upkeep.take_lost());
        }
        // Each version is answered for.
        self.touched.insert(file);
        true
    }

    fn news(&mut self, documents: &HashMap<String, Document>, news: &mut Vec<Value>) {
        let Some(kept) = &mut self.kept else { return };
        let mut touched = std::mem::take(&mut self.touched);
        if kept.upkeep.has_touched() {
            touched.extend(kept.upkeep.take_touched(&mut Arc::make_mut(&mut kept.view).project));
        }
        let project = &kept.view.project;
        let sources = &project.workspace.sources;
        let address = |file: FileId| uri_of(documents, &self.root.join(sources.get(file).path()));
        let mut by_path: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let all = std::mem::take(&mut self.is_new);
        let found: Vec<&Diagnostic> = match all {
            true => project.diagnostics.iter().collect(),
            false => touched.iter().flat_map(|file| project.found_in(*file)).collect(),
        };
        for found in found {
            let path = found.span.map_or(CONFIG_FILE, |span| sources.get(span.file).path());
            let json = convert::diagnostic(found, sources, &address);
            by_path.entry(path.to_owned()).or_default().push(json);
        }
        // Documents that are open hear of each version.
        let open = documents.values().filter_map(|document| document.path.as_ref()?.strip_prefix(&self.root).ok());
        let open: BTreeSet<String> = open.map(below).collect();
        let mut looked_at: BTreeSet<String> = match all {
            true => self.told.keys().chain(by_path.keys()).chain(&open).cloned().collect(),
            false => touched.iter().map(|file| sources.get(*file).path().to_owned()).collect(),
        };
        looked_at.extend(by_path.keys().cloned());
        for path in &looked_at {
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
