//! The oracle: slices computed from nothing, beside the store, and compared with what is published.
//!
//! ```text
//!   frozen sources ──▶ daily ──▶ total     computed here, in a temporary folder
//!                        ║         ║       compared as bags of rows
//!                      daily     total     published
//! ```
//!
//! It shares as little as it can with what it judges: no keys, no reuse, no content digests, no stored order. Each
//! query runs over whole tables as it is written, with the few rules of DataFusion's optimizer without which it can't, and
//! by several tasks, so that a result that depends on how work is shared out is noticed. It reads frozen sources, whose bytes are hashed first, and what was computed here of other
//! slices; never what is published. The plan is asked for one thing: of which slices pie says that they are fresh. Of
//! others nothing is promised, so there is nothing to verify.
//!
//! Computed rows lie in a folder that only this user can read and that goes with the [`Verifier`], also after an error.
//! Comparing takes at most half of the project's `memory`: where the rows are too many it takes several rounds, each
//! over the rows of one stretch of digests.

use super::{Planned, Project, Session, plan_whole};
use crate::build::{BuildError, null_violation, to_schema, under_schema};
use crate::content::{BYTES_PER_ROW, LeastRows, RowBag, Side};
use crate::diagnostic::{Code, Diagnostic, Failed};
use crate::exec::{
    Batches, Failure, FileSet, ParquetFile, Plain, SetFile, Tables, build_files, files_table, recorded_path,
    source_files,
};
use crate::incremental::{Action, ReasonKind, shows};
use crate::manifest::{BuildRecord, CommitRecord};
use crate::name::RelationName;
use crate::plan::SlicePlan;
use crate::semantic::{Column, SemanticModel, Slice, schema_of};
use crate::serve::{Answer, cell};
use crate::sql::SchemaRef;
use crate::store::{Location, Objects, StoreError, new_id, open_objects};
use crate::suite::Difference;
use futures::TryStreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How queries run: by as many tasks on every machine, so that each says the same.
const PLAIN: Plain = Plain { partitions: 4, spill_joins: false };

/// The URL under which plans read the temporary folder.
const SCRATCH: &str = "pie://verify";

/// Rows of each kind that are shown.
const EXAMPLES: usize = 5;

/// What came of a verification, in dependency order, then by name.
#[derive(Clone, Default, Debug)]
pub struct VerifyReport {
    pub slices: Vec<SliceVerification>,
    /// How many more weren't reached because it was interrupted.
    pub interrupted: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VerifyStatus {
    /// What is published is what its query gives.
    Verified,
    /// It isn't.
    Differs,
    /// Pie itself says that it isn't fresh: nothing was compared.
    OutOfDate,
    NotBuilt,
    /// Its query fails now, or what it reads can't be read.
    Failed,
}

#[derive(Clone, Debug)]
pub struct SliceVerification {
    pub name: RelationName,
    pub status: VerifyStatus,
    /// Why it wasn't compared.
    pub reason: Option<String>,
    /// The published version.
    pub version: Option<u64>,
    /// Rows that its query gives; `None` where it didn't run.
    pub rows: Option<u64>,
    /// Rows that its query gives and that aren't published.
    pub missing: Surplus,
    /// Rows that are published and that its query doesn't give.
    pub extra: Surplus,
    pub elapsed: Duration,
    pub diagnostics: Vec<Diagnostic>,
}

/// Rows that only one side has, each counted as often as it is too many.
#[derive(Clone, Default, Debug)]
pub struct Surplus {
    pub count: u64,
    /// The first few in the order of their columns.
    pub examples: Option<Answer>,
}

/// What goes on.
#[derive(Clone, Copy, Debug)]
pub enum VerifyStep<'a> {
    /// How many slices there are to report.
    Planned(usize),
    Started(&'a RelationName),
    /// Rows and bytes computed so far; `of` is how many rows are published.
    Computed {
        slice: &'a RelationName,
        rows: u64,
        of: u64,
        bytes: u64,
    },
    Finished(&'a SliceVerification),
}

/// Verifies the given slices with all slices that they read, or all. Errors of slices are in the report.
pub async fn verify<T: FnMut(VerifyStep<'_>)>(
    project: &Project,
    session: &Session,
    slices: Option<&BTreeSet<RelationName>>,
    cancelled: &CancellationToken,
    tell: T,
) -> Result<VerifyReport, Failed> {
    let model = project.model.as_ref();
    let demanded = slices.map(|slices| with_inputs(model, slices.iter().cloned()));
    let planned = plan_whole(project, session, demanded.as_ref()).await.map_err(|e| Box::new(e.diagnostic()))?;
    let mut standings = standings(model, &planned);
    // A plan holds what checks read too; that is no part of the rows.
    let wanted = |slice: &&Slice| demanded.as_ref().is_none_or(|demanded| demanded.contains(&slice.name));
    let order = planned.plan.slices.iter().filter(|slice| slice.action() != Action::Drop);
    let slices: Vec<&Slice> = order.filter_map(|slice| model.slices.get(slice.name())).filter(wanted).collect();
    let fresh = slices.iter().filter(|slice| matches!(standings.get(&slice.name), Some(Standing::Fresh { .. })));
    let computed = with_inputs(model, fresh.map(|slice| slice.name.clone()));
    let scratch = Scratch::new()?;
    session.runtime.register(SCRATCH, Arc::clone(&scratch.objects.store));
    let mut verifier = Verifier {
        project,
        session,
        planned: &planned,
        scratch,
        tell,
        frozen: BTreeMap::new(),
        computed: BTreeMap::new(),
        right: BTreeMap::new(),
        wrong: BTreeSet::new(),
    };
    let mut report = VerifyReport::default();
    (verifier.tell)(VerifyStep::Planned(slices.len()));
    for (index, slice) in slices.iter().enumerate() {
        let Some(standing) = standings.remove(&slice.name) else { continue };
        let runs = computed.contains(&slice.name);
        let found = tokio::select! {
            biased;
            () = cancelled.cancelled() => None,
            found = verifier.one(slice, standing, runs) => Some(found),
        };
        let Some(found) = found else {
            report.interrupted = slices.len() - index;
            break;
        };
        (verifier.tell)(VerifyStep::Finished(&found));
        report.slices.push(found);
    }
    Ok(report)
}

/// The stored slices among the given ones, with those that their queries read, however deep.
fn with_inputs(model: &SemanticModel, slices: impl Iterator<Item = RelationName>) -> BTreeSet<RelationName> {
    let mut found = BTreeSet::new();
    let mut queue: Vec<RelationName> = slices.collect();
    while let Some(name) = queue.pop() {
        let Some(slice) = model.slices.get(&name) else { continue };
        if found.insert(name) {
            queue.extend(model.stored_inputs(&slice.reads));
        }
    }
    found
}

/// What pie says of a slice.
enum Standing<'a> {
    /// Its published rows are what its query gives.
    Fresh { head: &'a CommitRecord, record: &'a BuildRecord },
    /// They may not be, and why.
    Other { status: VerifyStatus, version: Option<u64>, reason: Option<String> },
}

fn standings<'a>(model: &SemanticModel, planned: &'a Planned) -> BTreeMap<RelationName, Standing<'a>> {
    let mut standings = BTreeMap::new();
    // Slices that readers read at their last good version, which a computation from nothing doesn't give. A slice that
    // is only to be built again isn't among them: a reader that is called fresh all the same must be right after that.
    let mut astray: BTreeMap<&RelationName, &str> = BTreeMap::new();
    for slice_plan in planned.plan.slices.iter().filter(|slice| slice.action() != Action::Drop) {
        let name = slice_plan.name();
        let Some(slice) = model.slices.get(name) else { continue };
        let inputs = model.stored_inputs(&slice.reads);
        let led = inputs.iter().find_map(|input| astray.get(input).map(|why| (input, *why)));
        let why = match (slice_plan.action(), &slice_plan.change.blocked, led) {
            (Action::Held, _, _) => Some("is held"),
            (_, Some(_), _) => Some("can't be built now"),
            (_, None, Some(_)) => Some("isn't up to date itself"),
            (_, None, None) => None,
        };
        astray.extend(why.map(|why| (name, why)));
        standings.insert(name.clone(), standing(planned, slice_plan, led));
    }
    standings
}

fn standing<'a>(planned: &'a Planned, plan: &SlicePlan, led: Option<(&RelationName, &str)>) -> Standing<'a> {
    let state = &planned.state;
    let head = state.heads.get(plan.name()).filter(|head| head.build.is_some());
    let (Some(head), Some(record)) = (head, state.head_builds.get(plan.name())) else {
        // "was never built" is said by the status.
        let reason = plan.change.blocked.as_ref().and_then(|_| reason(plan));
        return Standing::Other { status: VerifyStatus::NotBuilt, version: None, reason };
    };
    let out_of_date = |reason: Option<String>| Standing::Other {
        status: VerifyStatus::OutOfDate,
        version: Some(head.version),
        reason,
    };
    if plan.action() != Action::Reuse {
        return out_of_date(reason(plan));
    }
    if let Some(stale) = head.stale_inputs.first() {
        return out_of_date(Some(format!("built on version {} of `{}`, the last good one", stale.version, stale.name)));
    }
    if let Some((input, why)) = led {
        return out_of_date(Some(format!("it reads `{input}`, which {why}")));
    }
    Standing::Fresh { head, record }
}

/// The first reason that says what changed.
fn reason(plan: &SlicePlan) -> Option<String> {
    let reasons = &plan.change.reasons;
    let cause = reasons.iter().find(|reason| reason.kind != ReasonKind::BuiltBefore);
    cause.or(reasons.first()).map(|reason| reason.message.clone())
}

struct Verifier<'a, T> {
    project: &'a Project,
    session: &'a Session,
    planned: &'a Planned,
    scratch: Scratch,
    tell: T,
    /// Sources that were read, by name.
    frozen: BTreeMap<RelationName, Result<FileSet, BuildError>>,
    /// What was computed of slices.
    computed: BTreeMap<RelationName, FileSet>,
    /// What is published of slices that are verified.
    right: BTreeMap<RelationName, FileSet>,
    /// Slices that differ.
    wrong: BTreeSet<RelationName>,
}

/// What two results have that the other doesn't.
struct Comparison {
    missing: Surplus,
    extra: Surplus,
}

impl<T: FnMut(VerifyStep<'_>)> Verifier<'_, T> {
    /// Computes a slice where `runs` says so, and compares it where it is said to be fresh.
    async fn one(&mut self, slice: &Slice, standing: Standing<'_>, runs: bool) -> SliceVerification {
        let started = Instant::now();
        let (status, version, reason) = match &standing {
            Standing::Fresh { head, .. } => (VerifyStatus::Verified, Some(head.version), None),
            Standing::Other { status, version, reason } => (*status, *version, reason.clone()),
        };
        let mut found = SliceVerification {
            name: slice.name.clone(),
            status,
            reason,
            version,
            rows: None,
            missing: Surplus::default(),
            extra: Surplus::default(),
            elapsed: Duration::ZERO,
            diagnostics: Vec::new(),
        };
        if runs {
            (self.tell)(VerifyStep::Started(&slice.name));
            match self.compute(slice).await {
                Ok(fresh) => {
                    found.rows = Some(fresh.rows);
                    if let Standing::Fresh { head, record } = standing {
                        self.judge(slice, (head, record), &fresh, &mut found).await;
                    }
                    self.computed.insert(slice.name.clone(), fresh);
                }
                Err(error) => {
                    found.status = VerifyStatus::Failed;
                    found.diagnostics.push(error.diagnostic(slice));
                }
            }
        }
        found.elapsed = started.elapsed();
        found
    }

    /// Runs a slice's query and keeps its rows.
    async fn compute(&mut self, slice: &Slice) -> Result<FileSet, BuildError> {
        let tables = self.tables(slice).await?;
        match self.write(slice, &tables, PLAIN).await {
            Err(BuildError::Failure(Failure::OutOfMemory(_))) => {
                self.write(slice, &tables, Plain { spill_joins: true, ..PLAIN }).await
            }
            other => other,
        }
    }

    async fn tables(&mut self, slice: &Slice) -> Result<Tables, BuildError> {
        let model = &self.project.model;
        let mut tables = Tables::new();
        for name in model.stored_inputs(&slice.reads) {
            if model.sources.contains_key(&name) && !self.frozen.contains_key(&name) {
                let set = self.look_at_source(&name).await;
                self.frozen.insert(name.clone(), set);
            }
            let set = match (self.frozen.get(&name), self.computed.get(&name)) {
                (Some(frozen), _) => frozen.clone()?,
                (None, Some(computed)) => computed.clone(),
                (None, None) => {
                    return Err(BuildError::InputMissing { inputs: vec![(name, "couldn't be computed".to_owned())] });
                }
            };
            tables.insert(name, files_table(set));
        }
        Ok(tables)
    }

    /// The table of a source's last version, once the bytes of its files were found to be those that were frozen.
    async fn look_at_source(&self, name: &RelationName) -> Result<FileSet, BuildError> {
        let source = self.project.model.sources.get(name);
        let (Some(source), Some(version)) = (source, self.planned.state.sources.get(name)) else {
            return Err(BuildError::NotFrozen(name.clone()));
        };
        let raw_url = Session::raw_url(source);
        let runtime = &self.session.runtime;
        for file in &version.files {
            let (url, path, digest) = match &file.converted {
                Some(data) => ("pie://store", &data.path, &data.blake3),
                None => (raw_url.as_str(), &file.path, &file.blake3),
            };
            let there = runtime.head(url, path).await.map_err(BuildError::Internal)?.is_some();
            if there && runtime.digest(url, path).await.map_err(BuildError::Internal)? == *digest {
                continue;
            }
            return Err(match (&file.converted, there) {
                (None, true) => BuildError::RawChanged { source: name.clone(), file: path.clone() },
                (None, false) => BuildError::RawVanished { source: name.clone(), file: path.clone() },
                (Some(_), _) => {
                    let cause = if there { "its bytes aren't those that were written" } else { "it is gone" };
                    BuildError::Store(StoreError::Corrupt { path: path.clone(), cause: cause.to_owned() })
                }
            });
        }
        source_files(version, &raw_url).map_err(BuildError::Internal)
    }

    async fn write(&mut self, slice: &Slice, tables: &Tables, plain: Plain) -> Result<FileSet, BuildError> {
        let Some(plan) = slice.plan.get() else { return Err(BuildError::Internal("the slice has no plan".to_owned())) };
        let (schema, nullable) = (schema_of(&slice.columns), nullable_schema(slice));
        let of = self.planned.state.heads.get(&slice.name).map_or(0, |head| head.rows);
        let (path, shown) = (self.scratch.next_file(), self.scratch.objects.shown.clone());
        let unwritten = |cause: String| {
            let (store, path) = (shown.clone(), path.clone());
            BuildError::Store(StoreError::Io { action: "write", store, path, cause, doubtful: false })
        };
        let objects = Arc::clone(&self.scratch.objects.store);
        let mut file = ParquetFile::create(objects, recorded_path(&path), Arc::clone(&schema))
            .map_err(|e| BuildError::Internal(e.to_string()))?;
        let mut batches = self.session.runtime.plain_stream(plan, tables, plain).await?;
        let mut rows = 0;
        while let Some(batch) = batches.try_next().await.map_err(|e| Failure::from(&e))? {
            let batch = to_schema(&batch, &nullable)?;
            if let Some((column, rows, example)) = null_violation(slice, &batch) {
                return Err(BuildError::Null { column, rows, example });
            }
            file.write(&under_schema(&batch, &schema)?).await.map_err(|e| unwritten(e.to_string()))?;
            rows += batch.num_rows() as u64;
            (self.tell)(VerifyStep::Computed { slice: &slice.name, rows, of, bytes: file.bytes() });
        }
        let data = file.finish().await.map_err(|e| unwritten(e.to_string()))?;
        let files = vec![SetFile::of(&data)];
        let stored = schema.fields().iter().map(|field| field.name().clone()).collect();
        Ok(FileSet { store_url: SCRATCH.to_owned(), schema, stored, captured: Vec::new(), files, rows: data.rows })
    }

    /// Compares what is published of a slice with what was computed.
    async fn judge(
        &mut self,
        slice: &Slice,
        (head, record): (&CommitRecord, &BuildRecord),
        fresh: &FileSet,
        found: &mut SliceVerification,
    ) {
        let compared = match build_files(record, &head.columns) {
            Ok(published) => self.compare(slice, &published, fresh).await.map(|comparison| (published, comparison)),
            Err(cause) => Err((Side::Left, cause)),
        };
        let diagnostic = match compared {
            _ if !shows(&head.columns, &slice.columns) => self.wrong_columns(slice, head, record),
            Ok((published, Comparison { missing, extra })) if missing.count + extra.count == 0 => {
                self.right.insert(slice.name.clone(), published);
                return;
            }
            Ok((published, Comparison { missing, extra })) => {
                (found.missing, found.extra) = (missing, extra);
                let order_decides = self.stored_order_gives(slice, &published).await.unwrap_or(false);
                self.wrong_rows(slice, record, found, order_decides)
            }
            Err((Side::Left, cause)) => self.unreadable(slice, record, cause),
            Err((Side::Right, cause)) => {
                found.status = VerifyStatus::Failed;
                found.diagnostics.push(BuildError::Internal(cause).diagnostic(slice));
                return;
            }
        };
        self.wrong.insert(slice.name.clone());
        found.status = VerifyStatus::Differs;
        found.diagnostics.push(diagnostic);
    }

    /// What is published stands on the left, what was computed on the right; an error says which couldn't be read.
    async fn compare(&self, slice: &Slice, published: &FileSet, fresh: &FileSet) -> Result<Comparison, (Side, String)> {
        let schema = nullable_schema(slice);
        let parts = self.parts(published.rows.saturating_add(fresh.rows));
        let (mut missing, mut extra) = (0, 0);
        let (mut missing_rows, mut extra_rows) = (LeastRows::new(EXAMPLES), LeastRows::new(EXAMPLES));
        for part in 0..parts {
            let mut bag = RowBag::new(&schema, part, parts).map_err(|e| (Side::Right, e.to_string()))?;
            self.read(slice, published, Side::Left, &mut bag, None).await?;
            self.read(slice, fresh, Side::Right, &mut bag, None).await?;
            let (left, right) = bag.surplus();
            if left > 0 {
                self.read(slice, published, Side::Left, &mut bag, Some(&mut extra_rows)).await?;
            }
            if right > 0 {
                self.read(slice, fresh, Side::Right, &mut bag, Some(&mut missing_rows)).await?;
            }
            extra += left;
            missing += right;
        }
        let surplus = |count: u64, rows: LeastRows| Surplus {
            count,
            examples: (count > 0).then(|| Answer { schema: Arc::clone(&schema), batches: rows.into_batches() }),
        };
        Ok(Comparison { missing: surplus(missing, missing_rows), extra: surplus(extra, extra_rows) })
    }

    /// In how many rounds so many rows are compared within the memory there is.
    fn parts(&self, rows: u64) -> u64 {
        let memory = (self.project.workspace.config.memory / 2).max(1);
        rows.saturating_mul(BYTES_PER_ROW) / memory + 1
    }

    async fn read(
        &self,
        slice: &Slice,
        set: &FileSet,
        side: Side,
        bag: &mut RowBag,
        found: Option<&mut LeastRows>,
    ) -> Result<(), (Side, String)> {
        let batches = self.session.runtime.scan(files_table(set.clone())).await.map_err(|e| (side, e.to_string()))?;
        pour(batches, slice, side, bag, found).await.map_err(|cause| (side, cause))
    }

    /// Whether one task that reads rows in their stored order gives what is published: then it is the query whose
    /// result depends on the order. Only looked at where it fits in memory.
    async fn stored_order_gives(&mut self, slice: &Slice, published: &FileSet) -> Result<bool, String> {
        let Some(plan) = slice.plan.get().filter(|_| self.parts(published.rows.saturating_mul(2)) == 1) else {
            return Ok(false);
        };
        let mut tables = self.tables(slice).await.map_err(|e| e.diagnostic(slice).message)?;
        // What is published of a verified input has the same rows as what was computed, in the order of builds.
        for (name, table) in &mut tables {
            if let Some(set) = self.right.get(name) {
                *table = files_table(set.clone());
            }
        }
        let mut bag = RowBag::new(&nullable_schema(slice), 0, 1).map_err(|e| e.to_string())?;
        self.read(slice, published, Side::Left, &mut bag, None).await.map_err(|(_, cause)| cause)?;
        let plain = Plain { partitions: 1, spill_joins: false };
        let batches = self.session.runtime.plain_stream(plan, &tables, plain).await.map_err(|e| e.to_string())?;
        pour(batches, slice, Side::Right, &mut bag, None).await?;
        Ok(bag.surplus() == (0, 0))
    }

    fn wrong_rows(
        &self,
        slice: &Slice,
        record: &BuildRecord,
        found: &SliceVerification,
        order_decides: bool,
    ) -> Diagnostic {
        let name = &slice.name;
        let same = found.rows.unwrap_or(0).saturating_sub(found.missing.count);
        let rows = Difference {
            header: slice.columns.iter().map(|column| column.name.clone()).collect(),
            missing: texts(&found.missing),
            unexpected: texts(&found.extra),
            same: usize::try_from(same).unwrap_or(usize::MAX),
            span: None,
        };
        let all = found.missing.count.max(found.extra.count) <= EXAMPLES as u64;
        let cut = if all { String::new() } else { format!("; the first {EXAMPLES} of each are shown") };
        let message = format!("what is published of `{name}` isn't what its query gives: {}", found.difference());
        let mut diagnostic = Diagnostic::error(Code::WrongRows, message)
            .at(slice.name_span, published_version(found))
            .with_note(rows.to_string())
            .with_note(format!("rows with `-` are missing, rows with `+` shouldn't be there{cut}"));
        let inputs = self.project.model.stored_inputs(&slice.reads);
        if let Some(input) = inputs.iter().find(|input| self.wrong.contains(*input)) {
            let note = format!("it reads `{input}`, which differs too: it may be right about rows that are wrong");
            diagnostic = diagnostic.with_note(note);
        }
        if order_decides {
            diagnostic = diagnostic.with_note("run by one task in the stored order, the query gives what is published");
            return diagnostic.with_help(
                "the result depends on the order in which rows are read: break ties by more columns, order what is \
                 aggregated in order, and sum decimals instead of floats",
            );
        }
        diagnostic.with_help(self.remedy(name, record))
    }

    fn wrong_columns(&self, slice: &Slice, head: &CommitRecord, record: &BuildRecord) -> Diagnostic {
        let name = &slice.name;
        let columns = head.columns.iter().map(|column| format!("{} {}", column.name, column.data_type));
        Diagnostic::error(Code::WrongRows, format!("what is published of `{name}` has other columns than it declares"))
            .at(slice.name_span, "published with other columns")
            .with_note(format!("published: {}", columns.collect::<Vec<_>>().join(", ")))
            .with_help(self.remedy(name, record))
    }

    fn unreadable(&self, slice: &Slice, record: &BuildRecord, cause: String) -> Diagnostic {
        let name = &slice.name;
        Diagnostic::error(Code::CorruptRecord, format!("what is published of `{name}` can't be read"))
            .at(slice.name_span, "its files are damaged")
            .with_note(cause)
            .with_help(self.remedy(name, record))
    }

    /// A head without its build is built again.
    fn remedy(&self, name: &RelationName, record: &BuildRecord) -> String {
        let owner = RelationName::parse(&record.slice).unwrap_or_else(|| name.clone());
        let folder = self.session.store.build_folder(&owner, &record.id);
        format!(
            "to have it built again, take the folder `{folder}` out of the store and run `pie build`; if nobody \
             changed the store, please report this"
        )
    }
}

/// Puts rows into a bag, or finds those in it that are too many.
async fn pour(
    mut batches: Batches,
    slice: &Slice,
    side: Side,
    bag: &mut RowBag,
    mut found: Option<&mut LeastRows>,
) -> Result<(), String> {
    let schema = nullable_schema(slice);
    while let Some(batch) = batches.try_next().await.map_err(|e| Failure::from(&e).to_string())? {
        let batch = to_schema(&batch, &schema).map_err(|e| e.diagnostic(slice).message)?;
        let poured = match found.as_deref_mut() {
            Some(found) => bag.find(side, &batch, found),
            None => bag.add(side, &batch),
        };
        poured.map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// The slice's columns without their promises: what breaks one is told as such, not as a wrong schema.
fn nullable_schema(slice: &Slice) -> SchemaRef {
    let columns: Vec<Column> = slice.columns.iter().map(|column| Column { nullable: true, ..column.clone() }).collect();
    schema_of(&columns)
}

fn published_version(found: &SliceVerification) -> String {
    found.version.map_or_else(|| "published".to_owned(), |version| format!("published as version {version}"))
}

/// The example rows as cells, each on one line.
fn texts(surplus: &Surplus) -> Vec<Vec<Option<String>>> {
    let batches = surplus.examples.iter().flat_map(|answer| &answer.batches);
    let rows = batches.flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    let text = |text: String| text.replace('\n', "⏎").replace(['\r', '\t'], " ");
    rows.map(|(batch, row)| batch.columns().iter().map(|array| cell(array, row).map(text)).collect()).collect()
}

/// A folder for computed rows, removed with all that is in it.
struct Scratch {
    folder: PathBuf,
    objects: Objects,
    files: usize,
}

impl Scratch {
    fn new() -> Result<Scratch, Failed> {
        let folder = std::env::temp_dir().join(format!("pie-verify-{}", new_id()));
        let failed = |cause: String| {
            let message = format!("a folder for computed rows can't be made: {}", folder.display());
            Box::new(Diagnostic::error(Code::Store, message).with_note(cause).with_help("TMPDIR names another place"))
        };
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(false);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder).map_err(|e| failed(e.to_string()))?;
        match open_objects(&Location::folder(folder.clone())) {
            Ok(objects) => Ok(Scratch { folder, objects, files: 0 }),
            Err(error) => {
                let _ = std::fs::remove_dir_all(&folder);
                Err(failed(error.diagnostic().message))
            }
        }
    }

    /// A path that no file has yet.
    fn next_file(&mut self) -> String {
        self.files += 1;
        format!("{:05}.parquet", self.files)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed is left to the system, as all that lies in its temporary folder.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl VerifyStatus {
    /// For programs.
    pub fn as_str(self) -> &'static str {
        match self {
            VerifyStatus::Verified => "verified",
            VerifyStatus::Differs => "differs",
            VerifyStatus::OutOfDate => "out_of_date",
            VerifyStatus::NotBuilt => "not_built",
            VerifyStatus::Failed => "failed",
        }
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            VerifyStatus::OutOfDate => "out of date",
            VerifyStatus::NotBuilt => "not built",
            VerifyStatus::Verified | VerifyStatus::Differs | VerifyStatus::Failed => self.as_str(),
        }
    }
}

impl SliceVerification {
    /// `1 row is missing, 2 rows shouldn't be there`; empty where no rows differ.
    pub fn difference(&self) -> String {
        let rows = |count: u64, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 row {one}")),
            _ => Some(format!("{count} rows {many}")),
        };
        let missing = rows(self.missing.count, "is missing", "are missing");
        let extra = rows(self.extra.count, "shouldn't be there", "shouldn't be there");
        missing.into_iter().chain(extra).collect::<Vec<_>>().join(", ")
    }
}

impl VerifyReport {
    pub fn number(&self, status: VerifyStatus) -> usize {
        self.slices.iter().filter(|slice| slice.status == status).count()
    }

    /// Whether something is wrong, or isn't known.
    pub fn has_findings(&self) -> bool {
        self.number(VerifyStatus::Differs) + self.number(VerifyStatus::Failed) + self.interrupted > 0
    }
}
