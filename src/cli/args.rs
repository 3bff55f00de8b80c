//! Arguments. The help of every verb has an example.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A declarative dataflow compiler: frozen sources, independent slices, minimal rebuilds.
#[derive(Parser, Debug)]
#[command(name = "pie", version, about, propagate_version = true, disable_help_subcommand = true)]
#[command(after_help = "A first project:\n  pie init hello && cd hello && pie build --freeze && pie show daily_sales")]
pub struct Cli {
    /// Run as if started in this folder
    #[arg(short = 'C', global = true, default_value = ".", value_name = "DIR", hide_default_value = true)]
    pub directory: PathBuf,

    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub color: ColorChoice,

    /// The environment whose versions are read and published
    #[arg(long = "env", global = true, default_value = "main", value_name = "NAME", hide_default_value = true)]
    pub environment: String,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    Init(InitArgs),
    Check(CheckArgs),
    Diff(DiffArgs),
    Fmt(FmtArgs),
    Freeze(FreezeArgs),
    Plan(PlanArgs),
    Build(BuildArgs),
    Verify(VerifyArgs),
    Query(QueryArgs),
    Show(ShowArgs),
    Status(StatusArgs),
    Log(LogArgs),
    Hold(HoldArgs),
    Release(ReleaseArgs),
    Rollback(RollbackArgs),
    Env(EnvArgs),
    Promote(PromoteArgs),
    Fsck(FsckArgs),
    Gc(GcArgs),
    Test(TestArgs),
    Graph(GraphArgs),
    Explain(ExplainArgs),
    Emit(EmitArgs),
    Debug(DebugArgs),
    /// The language server for editors, on standard input and output
    #[command(after_help = "Editors start it: see editors/README.md. It reads the project's folder and nothing else.")]
    Lsp,
    Completions(CompletionsArgs),
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReportFormat {
    Human,
    Json,
}

/// How findings are told. All but the first two are for other programs.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiagnosticFormat {
    /// For people
    Human,
    /// One JSON value
    Json,
    /// A JSON value a finding
    Jsonl,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions
    Github,
    /// GitLab's Code Quality report
    Gitlab,
    /// JUnit's XML, for systems that show tests
    Junit,
    /// Reviewdog's Diagnostic Format
    Rdjson,
}

/// Compute slices from nothing, beside the store, and compare them with what is published
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pie verify payments.daily_volume")]
pub struct VerifyArgs {
    /// Verify only these slices and what they read
    pub slices: Vec<String>,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

/// Write a project that builds as it stands, or declare sources from existing files
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pie init hello\n  pie init shop --template ledgerx --size 64MB\n  pie init . --from raw        writes raw.pie from the files below raw/"
)]
pub struct InitArgs {
    /// The project's folder; made where it doesn't exist
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value_t = TemplateName::Minimal, conflicts_with = "from")]
    pub template: TemplateName,
    /// How much raw data the template gets (ledgerx): 4MB, 1GB
    #[arg(long, default_value = "4MB")]
    pub size: String,
    /// Declare the Parquet, CSV and JSON files below this folder as sources
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum TemplateName {
    Minimal,
    Ledgerx,
}

/// Parse, resolve, type and check everything: no data, no store, no network
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  pie check\n  pie check --format github     annotations on a pull request")]
pub struct CheckArgs {
    /// Show only the findings of these files and folders
    pub paths: Vec<PathBuf>,
    /// Check again whenever a file changes, until interrupted
    #[arg(long)]
    pub watch: bool,
    #[arg(long, value_enum, default_value_t = DiagnosticFormat::Human, value_name = "FORMAT")]
    pub format: DiagnosticFormat,
}

/// Say what a change means: slices and columns that mean something else, what is rebuilt, and which promises it breaks
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pie diff HEAD                           what the edits since the last commit mean\n  pie diff --merge-base origin/main       what a branch means, as a pull request shows it\n  pie diff v1.4 v1.5 --format json\n\nCompares two git revisions by their text alone: no data, no store.\nExits with 1 where a promise to another domain is broken."
)]
pub struct DiffArgs {
    /// The older git revision
    pub base: String,
    /// The newer one [default: the files as they are]
    pub head: Option<String>,
    /// Compare with the commit at which both have gone apart
    #[arg(long)]
    pub merge_base: bool,
    /// A broken promise that is agreed on: `domain.slice` or `domain.slice.column`; only warns of it
    #[arg(long, value_name = "NAME")]
    pub accept: Vec<String>,
    #[arg(long, value_enum, default_value_t = DiagnosticFormat::Human, value_name = "FORMAT")]
    pub format: DiagnosticFormat,
}

/// Format declarations; SQL is only re-indented
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pie fmt --check --diff")]
pub struct FmtArgs {
    /// Format only these files and folders
    pub paths: Vec<PathBuf>,
    /// Change nothing; exit with 1 if a file isn't formatted
    #[arg(long)]
    pub check: bool,
    /// Show what would change
    #[arg(long)]
    pub diff: bool,
}

/// Verify the files of each source and record them as an immutable version
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pie freeze\n  pie freeze payments.transfers --replace --reason 'provider resent March'"
)]
pub struct FreezeArgs {
    /// Freeze only these sources
    pub sources: Vec<String>,
    /// Record files that changed or vanished since they were frozen
    #[arg(long, requires = "reason")]
    pub replace: bool,
    /// Why files are replaced; kept in the version
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

/// Say what a build would do and why, without doing it
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pie plan payments.daily_volume\n  pie plan payments.daily_volume --explain   down to lines and files"
)]
pub struct PlanArgs {
    /// Plan only these slices and what they read
    pub slices: Vec<String>,
    /// Follow the reasons of these slices, or of all that aren't fresh, down to lines of text and raw files
    #[arg(long)]
    pub explain: bool,
    /// Exit with 3 if there is something to do
    #[arg(long)]
    pub detailed_exitcode: bool,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

/// Build what changed, verify it, and publish each slice by itself
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pie build --freeze           the one command of a daily job\n  pie build risk.daily_alerts --jobs 1"
)]
pub struct BuildArgs {
    /// Build only these slices and what they read
    pub slices: Vec<String>,
    /// Freeze the sources first
    #[arg(long)]
    pub freeze: bool,
    /// Slices built at once [default: the number of cores, or `[build] jobs` in pie.toml]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowFormat {
    Table,
    Json,
    Csv,
    Parquet,
}

/// Answer a SQL query over published slices and frozen sources
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  pie query \"select chain, sum(volume) as volume from payments.daily_volume group by chain\""
)]
pub struct QueryArgs {
    /// One read-only query
    pub sql: String,
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub format: RowFormat,
    /// Rows of a table that are shown
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
    /// Read a slice at an older version: NAME=VERSION (several times if need be)
    #[arg(long, value_name = "NAME=VERSION")]
    pub at: Vec<String>,
}

/// Show the rows of a published slice or frozen source
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pie show payments.daily_volume --at 3")]
pub struct ShowArgs {
    pub slice: String,
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub format: RowFormat,
    /// Rows of a table that are shown
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    /// An older version
    #[arg(long, value_name = "VERSION")]
    pub at: Option<u64>,
}

/// Say what is fresh, stale, missing or held
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pie status --fail-on-stale")]
pub struct StatusArgs {
    /// Only these slices
    pub slices: Vec<String>,
    /// Exit with 5 if something is stale or held
    #[arg(long)]
    pub fail_on_stale: bool,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

/// Show the versions of a slice or source, newest first
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pie log payments.daily_volume")]
pub struct LogArgs {
    pub slice: String,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

/// Let a slice serve what it serves, whatever is built, until it is released
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pie hold payments.daily_volume --reason 'March is wrong at the provider'\n  pie hold payments.daily_volume --reason 'audit' --until '3 days'"
)]
pub struct HoldArgs {
    #[arg(required = true, value_name = "SLICE")]
    pub slices: Vec<String>,
    /// Why; everybody who asks for the slice's status reads it
    #[arg(long)]
    pub reason: String,
    /// When the hold ends by itself: 2026-03-31, '2026-03-31 09:00' (UTC), 2026-03-31T09:00:00+02:00, or '3 days' from now
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

/// End the hold of a slice: the next build publishes it again
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pie release payments.daily_volume && pie build payments.daily_volume")]
pub struct ReleaseArgs {
    #[arg(required = true, value_name = "SLICE")]
    pub slices: Vec<String>,
    /// Why; kept in the log
    #[arg(long)]
    pub reason: Option<String>,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

/// Serve an older version of a slice again, and hold it there until it is released
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pie rollback payments.daily_volume\n  pie rollback payments.daily_volume --to 12 --reason 'version 13 lacks refunds'"
)]
pub struct RollbackArgs {
    pub slice: String,
    /// The version to serve; without it the newest one with other rows than now
    #[arg(long, value_name = "VERSION")]
    pub to: Option<u64>,
    /// Why; everybody who asks for the slice's status reads it
    #[arg(long)]
    pub reason: Option<String>,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

/// List environments, begin one, remove one
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pie env                          which there are\n  pie build --env trial            builds in `trial`, which begins as a copy of `main`\n  pie env begin hotfix --from trial\n  pie env remove trial"
)]
pub struct EnvArgs {
    #[command(subcommand)]
    pub action: Option<EnvAction>,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

#[derive(Subcommand, Debug)]
pub enum EnvAction {
    /// Begin one as a copy of another's heads: nothing is copied but a list
    Begin {
        name: String,
        #[arg(long, value_name = "NAME", default_value = "main")]
        from: String,
    },
    /// Remove one: what only it has published can be collected
    Remove { name: String },
}

/// Publish in one environment what another one has: records only, nothing runs
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pie promote trial main --dry-run    shows the difference\n  pie promote trial main\n  pie promote main trial             brings `trial` up to date"
)]
pub struct PromoteArgs {
    /// The environment that has it
    pub from: String,
    /// The environment that gets it
    pub to: String,
    /// Only these slices and sources
    #[arg(value_name = "SLICE")]
    pub names: Vec<String>,
    /// Show the difference, publish nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Also in the place of what TO has changed by itself
    #[arg(long)]
    pub replace: bool,
    /// Why; kept in the log
    #[arg(long)]
    pub reason: Option<String>,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

/// Look at the whole store: is everything there that was published, as it was written?
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  pie fsck --deep\n  pie fsck --deep --mend && pie build")]
pub struct FsckArgs {
    /// Read all data files, and compare their digests
    #[arg(long)]
    pub deep: bool,
    /// Take damaged builds out, so that the next `pie build` makes them again
    #[arg(long)]
    pub mend: bool,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

/// Remove rows that nothing refers to any more: marks them, and a later run removes them
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pie gc --dry-run\n  pie gc            in a daily job: what one run marks the next one removes\n\nKept is what any environment serves, its last 10 versions, what is younger than 7 days, and all that these were built from.\n`[store] keep_versions` and `keep_days` in pie.toml say otherwise."
)]
pub struct GcArgs {
    /// Say what would go, remove nothing
    #[arg(long)]
    pub dry_run: bool,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

/// Run the `test` declarations in memory
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pie test payments.daily_volume")]
pub struct TestArgs {
    /// Only the tests of these slices
    pub slices: Vec<String>,
    #[arg(long, value_enum, default_value_t = ReportFormat::Human)]
    pub format: ReportFormat,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum GraphFormat {
    Dot,
    Mermaid,
    Svg,
    Json,
}

/// Draw what reads what
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pie graph --format svg > graph.svg")]
pub struct GraphArgs {
    #[arg(long, value_enum, default_value_t = GraphFormat::Mermaid)]
    pub format: GraphFormat,
    /// With the columns of each declaration
    #[arg(long)]
    pub columns: bool,
}

/// Show the page of an error code
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pie explain E0201")]
pub struct ExplainArgs {
    pub code: String,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum EmitAs {
    Logical,
    Physical,
    Sql,
    Substrait,
}

/// Print a slice's DataFusion plan
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pie emit payments.daily_volume --as physical")]
pub struct EmitArgs {
    pub slice: String,
    #[arg(long = "as", value_enum, default_value_t = EmitAs::Logical, value_name = "FORM")]
    pub form: EmitAs,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    Tokens,
    Ast,
    Model,
    Graph,
    Algebra,
}

/// Print a stage of the compiler, for people who work on it
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pie debug ast payments.pie")]
pub struct DebugArgs {
    #[arg(value_enum)]
    pub stage: Stage,
    /// A file (tokens, ast) or a slice (tokens, model, algebra)
    pub of: Option<String>,
}

/// Print a script that completes commands in a shell
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pie completions bash > ~/.local/share/bash-completion/completions/pie")]
pub struct CompletionsArgs {
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// The definition of all arguments, for completions.
pub trait CliCommand {
    fn definition() -> clap::Command;
}

impl CliCommand for Cli {
    fn definition() -> clap::Command {
        <Cli as clap::CommandFactory>::command()
    }
}
