//! Keeps a checked project true while somebody edits its texts.
//!
//! A project that was checked whole is changed in place, by what an edit of one file touches:
//!
//! ```text
//!   text ─▶ parse of that file ─▶ its declarations ─▶ what they name ─▶ their types ─ ─ ─▶ types of what reads them, as far
//!                                  + others that name   (an edge into     of this file     as something changed for it
//!                                    what came or went    a cycle: all)   first
//! ```
//!
//! The answer is that of a check from nothing ([`super::check`]), whatever the edits were. Where following an edit would be more
//! than bookkeeping (a domain comes or goes, a name is declared twice, a cycle, hundreds of unknown names), the project is checked whole.
//!
//! Cost: that of the file's declarations, and of those that see something new. What grows with the project is little for each
//! declaration: suggestions for unknown names, looks at all names where one isn't ASCII alone, and the graph once an edge has changed.

use super::check::{self, Facts, Project};
use crate::diagnostic::Diagnostic;
use crate::graph;
use crate::name::RelationName;
use crate::resolve::{self, Findings, OfFile, RelationDeclaration};
use crate::semantic::{self, Column, Knowledge, Plans, SemanticModel};
use crate::suite;
use crate::syntax;
use crate::text::FileId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// What is known of a checked project besides what it says, so that an edit finds what it touches.
pub struct Upkeep {
    knowledge: Knowledge,
    of: BTreeMap<RelationName, Found>,
    /// What tests name, by position among the project's tests.
    of_tests: Vec<Vec<Diagnostic>>,
    /// What is wrong with their tables, likewise.
    of_tables: Vec<Vec<Diagnostic>>,
    /// Relations that were typed, and files whose tests are others, since tables were last looked at.
    retyped: BTreeSet<RelationName>,
    retested: BTreeSet<FileId>,
    files: HashMap<FileId, File>,
    /// The slices whose queries or checks name a relation, be it declared or not.
    named_by: HashMap<RelationName, BTreeSet<RelationName>>,
    /// The slices that read a relation.
    readers: HashMap<RelationName, BTreeSet<RelationName>>,
    /// Slices of which isn't known what they read.
    unread: BTreeSet<RelationName>,
    /// Private relations that nothing reads.
    unused: BTreeSet<RelationName>,
    /// Some name isn't ASCII alone, so that names may look alike.
    has_foreign_names: bool,
    lookalikes: Vec<Diagnostic>,
    /// What is declared twice, and what reads itself.
    knots: Vec<Diagnostic>,
    /// There are such knots, or something is said of no place: only a check of everything helps.
    is_knotted: bool,
    /// What must be typed again, by depth.
    pending: BTreeSet<(usize, RelationName)>,
    /// Files whose findings must be gathered again.
    touched: BTreeSet<FileId>,
    graph_is_stale: bool,
    tests_are_stale: bool,
    lost: Vec<(RelationName, Vec<Column>)>,
    counts: Counts,
}

/// How much work there was.
#[derive(Clone, Copy, Default)]
struct Counts {
    edits: u64,
    /// Of these were followed by a check of everything.
    wholes: u64,
    /// Declarations that were typed, those of whole checks aside.
    typed: u64,
}

/// A file's part in the project.
#[derive(Default)]
struct File {
    domains: Vec<String>,
    relations: BTreeSet<RelationName>,
    /// Relations of other files of which a finding points here.
    pointing_here: BTreeSet<RelationName>,
    has_syntax_errors: bool,
}

/// What was found in a declaration, phase by phase.
#[derive(Default)]
struct Found {
    declared: Vec<Diagnostic>,
    resolved: Vec<Diagnostic>,
    typed: Vec<Diagnostic>,
}

impl Found {
    fn all(&self) -> impl Iterator<Item = &Diagnostic> {
        self.declared.iter().chain(&self.resolved).chain(&self.typed)
    }

    fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// The files that it points into.
    fn files(&self) -> BTreeSet<FileId> {
        let mut files = BTreeSet::new();
        for found in self.all() {
            files.extend(found.span.map(|span| span.file));
            files.extend(found.labels.iter().map(|label| label.span.file));
            files.extend(found.fixes.iter().flat_map(|fix| fix.edits.iter().map(|(span, _)| span.file)));
        }
        files
    }
}

impl Upkeep {
    /// What must be known to keep a project that was just checked.
    pub(super) fn new(project: &Project, facts: Facts) -> Upkeep {
        let Facts { knowledge, declared, of_tests, of_tables, typed, lookalikes, knots } = facts;
        let declarations = &project.model.declarations;
        let mut kept = Upkeep {
            knowledge,
            of: BTreeMap::new(),
            of_tests,
            of_tables,
            retyped: BTreeSet::new(),
            retested: BTreeSet::new(),
            files: HashMap::new(),
            named_by: HashMap::new(),
            readers: HashMap::new(),
            unread: BTreeSet::new(),
            unused: BTreeSet::new(),
            has_foreign_names: resolve::has_foreign_names(
                declarations.domains.values(),
                declarations.relations.values(),
            ),
            lookalikes,
            is_knotted: !knots.is_empty(),
            knots,
            pending: BTreeSet::new(),
            touched: BTreeSet::new(),
            graph_is_stale: false,
            tests_are_stale: false,
            lost: Vec::new(),
            counts: Counts::default(),
        };
        for parse in &project.parses {
            let file = kept.files.entry(parse.file.id).or_default();
            file.has_syntax_errors = parse.diagnostics.iter().any(Diagnostic::is_error);
            file.domains = domains(&resolve::of_file(&parse.file));
        }
        for (name, declaration) in &project.model.declarations.relations {
            kept.files.entry(declaration.file()).or_default().relations.insert(name.clone());
            kept.link(name, declaration);
        }
        let relations = &project.model.declarations.relations;
        for (name, Findings { declared, resolved }) in declared {
            kept.find(&name, relations.get(&name), |known| (known.declared, known.resolved) = (declared, resolved));
        }
        for (name, typed) in typed {
            kept.find(&name, relations.get(&name), |known| known.typed = typed);
        }
        for (name, declaration) in relations {
            kept.look_at_use(name, Some(declaration));
        }
        kept.touched.clear();
        kept
    }

    /// Puts a text in the place of a file's. Afterwards the findings of that file are known as far as they come of the file itself;
    /// [`Upkeep::settle`] knows the rest.
    pub fn edit(&mut self, project: &mut Project, file: FileId, text: String) {
        self.counts.edits += 1;
        let parse = syntax::parse(file, &text);
        project.workspace.sources.replace(file, text);
        let declared = resolve::of_file(&parse.file);
        let Ok(position) = project.parses.binary_search_by_key(&file, |parse| parse.file.id) else { return };
        let has_syntax_errors = parse.diagnostics.iter().any(Diagnostic::is_error);
        project.parses[position] = parse;
        if self.is_knotted || !self.is_bookkeeping(project, file, &declared) {
            return self.whole(project);
        }
        self.touched.insert(file);
        self.files.entry(file).or_default().has_syntax_errors = has_syntax_errors;
        if !self.follow(project, file, declared) {
            return self.whole(project);
        }
        // The file that somebody looks at goes first.
        let own: Vec<(usize, RelationName)> = {
            let here = &self.files.entry(file).or_default().relations;
            self.pending.iter().filter(|(_, name)| here.contains(name)).cloned().collect()
        };
        for of_depth in own.chunk_by(|(one, _), (other, _)| one == other) {
            for waiting in of_depth {
                self.pending.remove(waiting);
            }
            self.type_again(project, of_depth.iter().map(|(_, name)| name.clone()).collect());
        }
    }

    /// Follows what the last edits changed for others, until it is done or `interrupted` says so. Gives whether it is done.
    pub fn settle(&mut self, project: &mut Project, interrupted: &mut dyn FnMut() -> bool) -> bool {
        while let Some((depth, _)) = self.pending.first().cloned() {
            if interrupted() {
                return false;
            }
            let equally_deep = self.pending.iter().take(AT_ONCE).take_while(|(other, _)| *other == depth);
            let names: Vec<(usize, RelationName)> = equally_deep.cloned().collect();
            for waiting in &names {
                self.pending.remove(waiting);
            }
            self.type_again(project, names.into_iter().map(|(_, name)| name).collect());
        }
        if self.is_knotted {
            self.whole(project);
        }
        if std::mem::take(&mut self.tests_are_stale) {
            let model = Arc::make_mut(&mut project.model);
            self.look_at_tests(model, 0..self.of_tests.len());
            model.complete = self.is_complete(&project.workspace.diagnostics);
        }
        self.look_at_tables(&project.model);
        true
    }

    /// Whether there is something left to follow.
    pub fn is_settled(&self) -> bool {
        self.pending.is_empty() && !self.tests_are_stale && self.retyped.is_empty() && self.retested.is_empty()
    }

    /// The files whose findings may be others than they were, with the project's findings brought up to date.
    pub fn take_touched(&mut self, project: &mut Project) -> BTreeSet<FileId> {
        let touched = std::mem::take(&mut self.touched);
        for file in &touched {
            let found = self.gather(project, *file);
            let start = project.diagnostics.partition_point(|one| one.span.map(|span| span.file) < Some(*file));
            let end = project.diagnostics.partition_point(|one| one.span.map(|span| span.file) <= Some(*file));
            project.diagnostics.splice(start..end, found);
        }
        touched
    }

    /// How many edits there were, and how many of them were followed by a check of everything.
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.edits, self.counts.wholes)
    }

    /// How many declarations were typed again, those of whole checks aside.
    pub fn typed(&self) -> u64 {
        self.counts.typed
    }

    /// Whether the findings of some file may be others than they were.
    pub fn has_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Columns that relations had before they lost them, since the last time.
    pub fn take_lost(&mut self) -> Vec<(RelationName, Vec<Column>)> {
        std::mem::take(&mut self.lost)
    }

    pub fn graph_is_stale(&self) -> bool {
        self.graph_is_stale
    }

    /// Brings the graph up to date, which edits leave as it was.
    pub fn refresh_graph(&mut self, project: &mut Project) {
        if std::mem::take(&mut self.graph_is_stale) {
            let model = Arc::make_mut(&mut project.model);
            model.graph = graph::build(&model.declarations).0;
        }
    }

    /// Checks everything.
    fn whole(&mut self, project: &mut Project) {
        let (workspace, parses) = (project.workspace.clone(), std::mem::take(&mut project.parses));
        let (new, facts) = check::checked(workspace, parses, project.memo.clone(), Plans::Remade);
        let mut files: BTreeSet<FileId> = new.workspace.files.iter().copied().collect();
        files.extend(self.touched.iter());
        let (lost, counts) = (std::mem::take(&mut self.lost), self.counts);
        let old = std::mem::replace(project, new);
        *self = Upkeep::new(project, facts);
        self.lost = lost;
        self.counts = Counts { wholes: counts.wholes + 1, ..counts };
        for name in old.model.declarations.relations.keys() {
            let columns = old.model.columns(name).unwrap_or_default();
            if !columns.is_empty() && project.model.columns(name).is_none_or(<[Column]>::is_empty) {
                self.lost.push((name.clone(), columns.to_vec()));
            }
        }
        self.touched = files;
    }

    /// The same domains as before, and no name that is declared already.
    fn is_bookkeeping(&self, project: &Project, file: FileId, declared: &OfFile) -> bool {
        let known = &project.model.declarations.relations;
        let mut names = BTreeSet::new();
        let mut is_alone = |declaration: &RelationDeclaration| {
            let elsewhere = known.get(declaration.name()).is_some_and(|other| other.file() != file);
            names.insert(declaration.name().clone()) && !elsewhere
        };
        let same_domains = self.files.get(&file).is_some_and(|known| known.domains == domains(declared));
        same_domains && declared.relations.iter().all(&mut is_alone)
    }

    /// Puts a file's declarations into the model, and looks up what they and those that they concern name. Gives false where
    /// that ties a knot.
    fn follow(&mut self, project: &mut Project, file: FileId, declared: OfFile) -> bool {
        let Project { workspace, model, memo, .. } = project;
        let (sources, limits) = (&workspace.sources, &workspace.config.limits.query);
        let model = Arc::make_mut(model);
        // Names that were never seen may look like others; once one was, it costs a look at all names.
        self.has_foreign_names |= resolve::has_foreign_names(&declared.domains, &declared.relations);
        for domain in declared.domains {
            model.domains.insert(domain.name.text.clone(), semantic::domain_of(&domain));
            model.declarations.domains.insert(domain.name.text.clone(), domain);
        }
        let before = std::mem::take(&mut self.files.entry(file).or_default().relations);
        let now: BTreeSet<RelationName> = declared.relations.iter().map(|one| one.name().clone()).collect();
        let was_unread = self.unread.clone();
        let mut edges: BTreeMap<RelationName, BTreeSet<RelationName>> = BTreeMap::new();
        // What others see of a declaration without reading it.
        let face = |declaration: &RelationDeclaration| (declaration.is_public(), declaration.kind());
        let mut faces: BTreeSet<RelationName> = before.symmetric_difference(&now).cloned().collect();
        for name in before.difference(&now) {
            let columns = model.columns(name).unwrap_or_default().to_vec();
            if !columns.is_empty() {
                self.lost.push((name.clone(), columns));
            }
            if let Some(gone) = model.declarations.relations.remove(name) {
                edges.insert(name.clone(), self.unlink(name, &gone));
            }
            semantic::forget(model, name, &mut self.knowledge);
            self.find(name, None, |known| *known = Found::default());
        }
        for mut declaration in declared.relations {
            let name = declaration.name().clone();
            let domains = &model.declarations.domains;
            let found = resolve::read_declaration(&mut declaration, domains, sources, limits, memo);
            if let Some(old) = model.declarations.relations.get(&name) {
                edges.insert(name.clone(), self.unlink(&name, old));
                if face(old) != face(&declaration) {
                    faces.insert(name.clone());
                }
            }
            // Its types are looked at again in any case, and then told anew.
            self.find(&name, Some(&declaration), |known| (known.declared, known.resolved) = (found, Vec::new()));
            model.declarations.relations.insert(name, declaration);
        }

        let mut concerned: BTreeSet<RelationName> = now.clone();
        concerned.extend(self.files.get(&file).into_iter().flat_map(|file| file.pointing_here.iter().cloned()));
        concerned.extend(faces.iter().filter_map(|name| self.named_by.get(name)).flatten().cloned());
        if !faces.is_empty() {
            // What is suggested for an unknown name depends on all names.
            let unknown = self.of.iter().filter(|(_, found)| !found.resolved.is_empty());
            concerned.extend(unknown.map(|(name, _)| name.clone()));
        }
        self.files.entry(file).or_default().relations = now;
        if self.has_foreign_names {
            let files = |found: &[Diagnostic]| found.iter().filter_map(|one| Some(one.span?.file)).collect::<Vec<_>>();
            let found = resolve::warn_of_lookalikes(&model.declarations);
            self.touched.extend(files(&self.lookalikes).into_iter().chain(files(&found)));
            self.lookalikes = found;
        }
        let mut suggestions = resolve::MAX_SUGGESTIONS;
        for name in &concerned {
            let Some(declaration) = model.declarations.relations.get(name) else { continue };
            let resolved = resolve::resolve_slice(declaration, &model.declarations, &mut suggestions);
            let Some(declaration) = model.declarations.relations.get_mut(name) else { continue };
            // Those of this file are unlinked already.
            if declaration.file() != file {
                edges.insert(name.clone(), self.unlink(name, declaration));
            }
            let found = resolved.put_into(declaration);
            self.link(name, declaration);
            self.find(name, model.declarations.relations.get(name), |known| known.resolved = found);
        }
        let unknown: usize = self.of.values().map(|found| found.resolved.len()).sum();
        if unknown >= resolve::MAX_SUGGESTIONS || self.is_knotted {
            return false;
        }

        let mut uses: BTreeSet<RelationName> = concerned.union(&faces).cloned().collect();
        let mut other_edges = false;
        for (name, before) in &edges {
            let declaration = model.declarations.relations.get(name);
            let now: BTreeSet<RelationName> = declaration.into_iter().flat_map(|one| one.inputs()).cloned().collect();
            other_edges |= *before != now;
            if *before != now && reads_itself(model, name) {
                return false;
            }
            uses.extend(before.symmetric_difference(&now).cloned());
        }
        let came = faces.iter().filter(|name| !edges.contains_key(*name));
        if came.clone().any(|name| reads_itself(model, name)) {
            return false;
        }
        self.graph_is_stale |= other_edges || !faces.is_empty();
        for name in &uses {
            self.look_at_use(name, model.declarations.relations.get(name));
        }
        if self.unread.is_empty() != was_unread.is_empty() {
            // All warnings of what nothing reads come or go.
            let places = self.unused.iter().filter_map(|name| model.declarations.relations.get(name));
            self.touched.extend(places.map(RelationDeclaration::file));
        }
        // A test may give what its slice reads, however deep.
        self.tests_are_stale |= other_edges || !faces.is_empty() || self.unread != was_unread;
        self.replace_tests(model, file, declared.tests);
        model.complete = self.is_complete(&workspace.diagnostics);
        for name in concerned {
            let depth = self.depth(model, &name);
            if model.declarations.relations.contains_key(&name) {
                self.pending.insert((depth, name));
            }
        }
        true
    }

    /// Types declarations that don't read each other.
    fn type_again(&mut self, project: &mut Project, names: Vec<RelationName>) {
        self.counts.typed += names.len() as u64;
        let sources = &project.workspace.sources;
        let model = Arc::make_mut(&mut project.model);
        let columns = |model: &SemanticModel, name: &RelationName| model.columns(name).unwrap_or_default().to_vec();
        let before: Vec<Vec<Column>> = names.iter().map(|name| columns(model, name)).collect();
        let typed = semantic::analyze_again(model, &names, &mut self.knowledge, sources, &project.memo, Plans::Remade);
        self.retyped.extend(names.iter().cloned());
        for ((name, before), (changed, found)) in names.into_iter().zip(before).zip(typed) {
            if !before.is_empty() && model.columns(&name).is_none_or(<[Column]>::is_empty) {
                self.lost.push((name.clone(), before));
            }
            let known = self.of.get(&name).map(|found| found.typed.as_slice()).unwrap_or_default();
            if known != found {
                self.find(&name, model.declarations.relations.get(&name), |known| known.typed = found);
            }
            if changed {
                for reader in self.readers.get(&name).into_iter().flatten() {
                    self.pending.insert((self.depth(model, reader), reader.clone()));
                }
            }
        }
    }

    /// How deep a relation stands; of one that the graph doesn't have yet as far as can be said.
    fn depth(&self, model: &SemanticModel, name: &RelationName) -> usize {
        // A wrong depth costs work alone: whoever is typed before something that it reads is typed again.
        match model.graph.contains(name) {
            true => model.graph.depth(name),
            false => {
                let inputs = model.declarations.relations.get(name).into_iter().flat_map(|one| one.inputs());
                inputs.map(|input| model.graph.depth(input) + 1).max().unwrap_or(0)
            }
        }
    }

    /// Changes what was found in a declaration, and marks the files that show it.
    fn find(
        &mut self,
        name: &RelationName,
        declaration: Option<&RelationDeclaration>,
        change: impl FnOnce(&mut Found),
    ) {
        let mut found = self.of.remove(name).unwrap_or_default();
        let own = declaration.map(RelationDeclaration::file);
        for file in found.files() {
            self.files.entry(file).or_default().pointing_here.remove(name);
            self.touched.insert(file);
        }
        change(&mut found);
        for file in found.files() {
            if Some(file) != own {
                self.files.entry(file).or_default().pointing_here.insert(name.clone());
            }
            self.touched.insert(file);
        }
        self.is_knotted |= found.all().any(|found| found.span.is_none());
        if !found.is_empty() {
            self.of.insert(name.clone(), found);
        }
    }

    /// Remembers whom a declaration names and reads.
    fn link(&mut self, name: &RelationName, declaration: &RelationDeclaration) {
        for named in declaration.names() {
            self.named_by.entry(named).or_default().insert(name.clone());
        }
        for input in declaration.inputs() {
            self.readers.entry(input.clone()).or_default().insert(name.clone());
        }
        if declaration.is_unread() {
            self.unread.insert(name.clone());
        }
    }

    /// Forgets what [`Upkeep::link`] remembered, and gives what was read.
    fn unlink(&mut self, name: &RelationName, declaration: &RelationDeclaration) -> BTreeSet<RelationName> {
        for named in declaration.names() {
            if let Some(by) = self.named_by.get_mut(&named) {
                by.remove(name);
            }
        }
        let inputs: BTreeSet<RelationName> = declaration.inputs().into_iter().cloned().collect();
        for input in &inputs {
            if let Some(readers) = self.readers.get_mut(input) {
                readers.remove(name);
            }
        }
        self.unread.remove(name);
        inputs
    }

    /// Whether a relation is private and nothing reads it.
    fn look_at_use(&mut self, name: &RelationName, declaration: Option<&RelationDeclaration>) {
        let is_read = self.readers.get(name).is_some_and(|readers| !readers.is_empty());
        let unused = declaration.filter(|declaration| !declaration.is_public() && !is_read);
        let changed = match unused {
            Some(_) => self.unused.insert(name.clone()),
            None => self.unused.remove(name),
        };
        if changed {
            self.touched.extend(declaration.map(RelationDeclaration::file));
        }
    }

    /// Puts a file's tests in the place of those that were.
    fn replace_tests(&mut self, model: &mut SemanticModel, file: FileId, new: Vec<resolve::TestDeclaration>) {
        let start = model.declarations.tests.partition_point(|test| test.file < file);
        let end = model.declarations.tests.partition_point(|test| test.file <= file);
        let positions = start..start + new.len();
        if !(new.is_empty() && start == end) {
            self.retested.insert(file);
        }
        self.of_tests.splice(start..end, new.iter().map(|_| Vec::new()));
        self.of_tables.splice(start..end, new.iter().map(|_| Vec::new()));
        model.tests.splice(start..end, new.iter().map(semantic::test_of));
        model.declarations.tests.splice(start..end, new);
        self.look_at_tests(model, positions);
    }

    /// Looks up what tests name.
    fn look_at_tests(&mut self, model: &mut SemanticModel, positions: Range<usize>) {
        let mut tests = std::mem::take(&mut model.declarations.tests);
        for position in positions {
            let test = &mut tests[position];
            let found = resolve::resolve_test(test, &model.declarations);
            model.tests[position] = semantic::test_of(test);
            if self.of_tests[position] != found {
                self.touched.insert(test.file);
                self.retested.insert(test.file);
                self.of_tests[position] = found;
            }
        }
        model.declarations.tests = tests;
    }

    /// Reads the tables of tests again that are others, or whose columns may be.
    fn look_at_tables(&mut self, model: &SemanticModel) {
        let (retyped, retested) = (std::mem::take(&mut self.retyped), std::mem::take(&mut self.retested));
        if retyped.is_empty() && retested.is_empty() {
            return;
        }
        for (test, known) in model.tests.iter().zip(&mut self.of_tables) {
            let mut named = test.slice.iter().chain(test.givens.iter().flatten());
            if !retested.contains(&test.file) && !named.any(|name| retyped.contains(name)) {
                continue;
            }
            let found = suite::unfit(model, test);
            if *known != found {
                self.touched.insert(test.file);
                *known = found;
            }
        }
    }

    /// Every file and every declaration can be read.
    fn is_complete(&self, of_project: &[Diagnostic]) -> bool {
        let has_error = |found: &[Diagnostic]| found.iter().any(Diagnostic::is_error);
        let of_declarations = self.of.values().any(|found| has_error(&found.declared) || has_error(&found.resolved));
        let of_syntax = self.files.values().any(|file| file.has_syntax_errors);
        let of_tests = self.of_tests.iter().any(|found| has_error(found));
        !(has_error(of_project) || of_declarations || of_syntax || of_tests)
    }

    /// What is to be told of a file.
    fn gather(&self, project: &Project, file: FileId) -> Vec<Diagnostic> {
        let is_here = |found: &&Diagnostic| found.span.is_some_and(|span| span.file == file);
        let mut found: Vec<Diagnostic> = project.workspace.diagnostics.iter().filter(is_here).cloned().collect();
        if let Ok(position) = project.parses.binary_search_by_key(&file, |parse| parse.file.id) {
            found.extend(project.parses[position].diagnostics.iter().cloned());
        }
        found.extend(self.knots.iter().chain(&self.lookalikes).filter(is_here).cloned());
        let declarations = &project.model.declarations;
        if let Some(here) = self.files.get(&file) {
            let units = here.relations.union(&here.pointing_here).filter_map(|name| self.of.get(name));
            found.extend(units.flat_map(Found::all).filter(is_here).cloned());
            if self.unread.is_empty() {
                let unused = here.relations.iter().filter(|name| self.unused.contains(*name));
                found.extend(unused.filter_map(|name| declarations.relations.get(name)).map(semantic::unused));
            }
        }
        let start = declarations.tests.partition_point(|test| test.file < file);
        let here = declarations.tests[start..].partition_point(|test| test.file <= file);
        let of_tests = self.of_tests[start..][..here].iter().chain(&self.of_tables[start..][..here]);
        found.extend(of_tests.flatten().cloned());
        check::arrange(&mut found, project.workspace.config.limits.diagnostics_per_file);
        found
    }
}

/// How many declarations are typed between two looks for an interruption.
const AT_ONCE: usize = 64;

fn domains(declared: &OfFile) -> Vec<String> {
    declared.domains.iter().map(|domain| domain.name.text.clone()).collect()
}

/// Whether a slice reads itself, however far around. Visits what stands below it.
fn reads_itself(model: &SemanticModel, name: &RelationName) -> bool {
    let inputs = |name: &RelationName| {
        model.declarations.relations.get(name).map(RelationDeclaration::inputs).unwrap_or_default()
    };
    let mut open: Vec<&RelationName> = inputs(name).into_iter().collect();
    let mut seen: BTreeSet<&RelationName> = open.iter().copied().collect();
    while let Some(next) = open.pop() {
        if next == name {
            return true;
        }
        open.extend(inputs(next).into_iter().filter(|input| seen.insert(input)));
    }
    false
}
