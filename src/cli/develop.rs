//! `pie test`, `pie graph`, `pie explain`, `pie emit`, `pie debug`, `pie completions`

use super::args::{Cli, CliCommand};
use super::args::{
    CompletionsArgs, DebugArgs, EmitArgs, EmitAs, ExplainArgs, GraphArgs, GraphFormat, ReportFormat, Stage, TestArgs,
};
use super::output::{GREEN, RED, Streams, YELLOW, count, paint};
use super::{Outcome, Stop, exit};
use crate::algebra;
use crate::diagnostic::{Code, Diagnostic, did_you_mean, json};
use crate::driver::{self, Project, Session};
use crate::graph::draw::{self, Drawing, Node, NodeKind};
use crate::name::RelationName;
use serde_json::json;

pub async fn test(cli: &Cli, args: &TestArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project_with_plans(cli)?;
    let wanted = super::data::selected(&project, &args.slices, "slice")?;
    let session = Session::in_memory(&project).await?;
    let reports = driver::test(&project, &session, wanted.as_ref()).await;
    let is_told = |found: &&Diagnostic| reports.iter().any(|report| report.diagnostics.contains(*found));
    let errors = project.diagnostics.iter().filter(|found| found.is_error() && !is_told(found)).cloned();
    let errors: Vec<Diagnostic> = errors.collect();
    streams.tell(&errors, &project.workspace.sources)?;
    let broken = !errors.is_empty();
    let passed = reports.iter().filter(|report| report.passed()).count();
    let skipped = reports.iter().filter(|report| report.skipped).count();
    let failed = reports.len() - passed - skipped;
    if args.format == ReportFormat::Json {
        let tests: Vec<_> = reports
            .iter()
            .map(|report| {
                json!({
                    "slice": report.slice.as_ref().map(ToString::to_string),
                    "title": report.title,
                    "outcome": if report.skipped { "skipped" } else if report.passed() { "passed" } else { "failed" },
                    "diagnostics": report.diagnostics.iter().map(|d| json::to_json(d, &project.workspace.sources)).collect::<Vec<_>>(),
                })
            })
            .collect();
        let summary = json!({ "passed": passed, "failed": failed, "skipped": skipped });
        writeln!(streams.out, "{:#}", json!({ "version": 1, "tests": tests, "summary": summary }))?;
    } else {
        for report in &reports {
            let (style, word) = match (report.skipped, report.passed()) {
                (true, _) => (YELLOW, "skipped"),
                (false, true) => (GREEN, "passed"),
                (false, false) => (RED, "failed"),
            };
            let slice = report.slice.as_ref().map(ToString::to_string).unwrap_or_default();
            writeln!(streams.err, "{} {slice}  {}", paint(streams.color, style, &format!("{word:<7}")), report.title)?;
        }
        let diagnostics: Vec<Diagnostic> = reports.iter().flat_map(|report| report.diagnostics.clone()).collect();
        streams.tell(&diagnostics, &project.workspace.sources)?;
        let more = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        writeln!(streams.err, "{}: {passed} passed, {failed} failed{more}", count(reports.len(), "test"))?;
    }
    Ok(if failed > 0 || skipped > 0 || broken { exit::FINDINGS } else { exit::CLEAN })
}

pub fn graph(cli: &Cli, args: &GraphArgs, streams: &mut Streams) -> Outcome {
    let project = super::project(cli)?;
    let broken = super::show_errors(&project, streams)?;
    let drawing = drawing(&project, args.columns);
    let text = match args.format {
        GraphFormat::Dot => draw::dot(&drawing),
        GraphFormat::Mermaid => draw::mermaid(&drawing),
        GraphFormat::Svg => draw::svg(&drawing),
        GraphFormat::Json => draw::json(&drawing),
    };
    writeln!(streams.out, "{}", text.trim_end())?;
    Ok(if broken { exit::FINDINGS } else { exit::CLEAN })
}

fn drawing(project: &Project, columns: bool) -> Drawing {
    let model = &project.model;
    let node = |name: &RelationName| {
        let slice = model.slices.get(name);
        let source = model.sources.get(name);
        let shown = |column: &crate::semantic::Column| (column.name.clone(), column.shown());
        Node {
            name: name.clone(),
            kind: match slice {
                Some(slice) if slice.is_virtual => NodeKind::VirtualSlice,
                Some(_) => NodeKind::Slice,
                None => NodeKind::Source,
            },
            public: slice.map(|slice| slice.public).or(source.map(|source| source.public)).unwrap_or(false),
            depth: model.graph.depth(name),
            owner: model.domains.get(name.domain()).and_then(|domain| domain.owner.clone()),
            doc: slice.and_then(|slice| slice.doc.clone()).or_else(|| source.and_then(|source| source.doc.clone())),
            columns: if columns {
                model.columns(name).unwrap_or_default().iter().map(shown).collect()
            } else {
                Vec::new()
            },
        }
    };
    let nodes = model.graph.order().iter().map(node).collect();
    let edges = model.graph.edges().map(|(from, to)| (from.clone(), to.clone())).collect();
    Drawing { nodes, edges }
}

pub fn explain(args: &ExplainArgs, streams: &mut Streams) -> Outcome {
    match crate::diagnostic::explain(&args.code) {
        Some(page) => {
            writeln!(streams.out, "{}", page.markdown.trim_end())?;
            Ok(exit::CLEAN)
        }
        None => {
            let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
            let wanted = args.code.to_uppercase();
            writeln!(streams.err, "error: there is no code `{}`", args.code)?;
            if let Some(help) = did_you_mean(&wanted, codes) {
                writeln!(streams.err, "help: {help}")?;
            }
            Ok(exit::USAGE)
        }
    }
}

pub async fn emit(cli: &Cli, args: &EmitArgs, streams: &mut Streams<'_>) -> Outcome {
    let project = super::project(cli)?;
    let found = driver::find(&project.model, std::slice::from_ref(&args.slice), "slice")?;
    let slice = found.iter().find_map(|name| project.model.slices.get(name));
    let Some(slice) = slice else {
        return Err(
            Diagnostic::error(Code::UnknownRelation, format!("`{}` is a source: it has no plan", args.slice)).into()
        );
    };
    let Some(plan) = slice.plan.get().cloned() else {
        super::show_errors(&project, streams)?;
        return Ok(exit::FINDINGS);
    };
    let text = match args.form {
        EmitAs::Logical => plan.display_indent_schema().to_string(),
        EmitAs::Sql => crate::sql::to_sql(&plan).map_err(|cause| unsupported("SQL", &cause))?,
        EmitAs::Physical => driver::emit_physical(&project, &super::open(cli, &project).await?, &slice.name).await?,
        EmitAs::Substrait => {
            return Err(unsupported(
                "Substrait",
                "its library is generated by `protoc` when it is built, which a machine with only a Rust toolchain lacks",
            ));
        }
    };
    writeln!(streams.out, "{}", text.trim_end())?;
    Ok(exit::CLEAN)
}

fn unsupported(form: &str, cause: &str) -> Stop {
    Diagnostic::error(Code::Unsupported, format!("this plan can't be written as {form}"))
        .with_note(cause.to_owned())
        .with_help("`--as logical` and `--as physical` always work")
        .into()
}

pub fn debug(cli: &Cli, args: &DebugArgs, streams: &mut Streams) -> Outcome {
    let project = super::project_with_plans(cli)?;
    let sources = &project.workspace.sources;
    let model = &project.model;
    let slices = || -> Result<Vec<RelationName>, Stop> {
        match &args.of {
            Some(name) => Ok(driver::find(model, std::slice::from_ref(name), "slice")?.into_iter().collect()),
            None => Ok(model.graph.order().to_vec()),
        }
    };
    match args.stage {
        Stage::Tokens => {
            for name in slices()? {
                let Some(slice) = model.slices.get(&name) else { continue };
                writeln!(streams.out, "{name}")?;
                for token in slice.normalized.split('\u{1f}').filter(|token| !token.is_empty()) {
                    writeln!(streams.out, "  {token}")?;
                }
            }
        }
        Stage::Ast => {
            for parse in &project.parses {
                let path = sources.get(parse.file.id).path();
                if args.of.as_deref().is_none_or(|wanted| path == wanted || path.ends_with(&format!("/{wanted}"))) {
                    writeln!(streams.out, "{path}\n{:#?}", parse.file.declarations)?;
                }
            }
        }
        Stage::Model => {
            for name in slices()? {
                let kind = model.declarations.relations.get(&name).map_or("", |declaration| declaration.kind());
                writeln!(streams.out, "{kind} {name}")?;
                for column in model.columns(&name).unwrap_or_default() {
                    writeln!(streams.out, "  {} {}", column.name, column.shown())?;
                }
                let reads = model.graph.inputs(&name);
                if !reads.is_empty() {
                    writeln!(
                        streams.out,
                        "  reads {}",
                        reads.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                    )?;
                }
            }
        }
        Stage::Graph => {
            for name in model.graph.order() {
                let inputs: Vec<String> = model.graph.inputs(name).iter().map(ToString::to_string).collect();
                writeln!(streams.out, "{} {name} <- {}", model.graph.depth(name), inputs.join(", "))?;
            }
        }
        Stage::Algebra => {
            for name in slices()? {
                let Some(slice) = model.slices.get(&name) else { continue };
                let text = algebra::show(model, slice).unwrap_or_else(|| "has errors\n".to_owned());
                writeln!(streams.out, "{name}")?;
                for line in text.lines() {
                    writeln!(streams.out, "  {line}")?;
                }
            }
        }
    }
    Ok(exit::CLEAN)
}

pub fn completions(args: &CompletionsArgs, streams: &mut Streams) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::definition(), "pie", &mut script);
    streams.out.write_all(&script)?;
    Ok(exit::CLEAN)
}
