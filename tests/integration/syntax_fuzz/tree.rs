//! A syntax tree as plain nodes: what each is, apart from its place, and its place.

use super::tokens::{canonical, folded};
use icepie::syntax::ast::{
    Column, ColumnList, Declaration, Doc, Expect, File, Given, Name, NameList, QualifiedName, SqlText, Table, Text,
};
use icepie::text::Span;
use std::fmt::Write;

pub struct Node {
    pub what: String,
    pub span: Span,
    /// It stands beside its parent, not inside: documentation.
    pub beside: bool,
    pub children: Vec<Node>,
}

impl Node {
    fn leaf(what: impl Into<String>, span: Span) -> Node {
        Node { what: what.into(), span, beside: false, children: Vec::new() }
    }

    fn of(what: impl Into<String>, span: Span, children: Vec<Node>) -> Node {
        Node { children, ..Node::leaf(what, span) }
    }
}

/// The declarations of a file.
pub fn nodes(file: &File, text: &str) -> Vec<Node> {
    file.declarations.iter().map(|declaration| node(declaration, text)).collect()
}

/// What declarations say, without their places and layout.
pub fn meaning(nodes: &[Node]) -> String {
    let mut out = String::new();
    for node in nodes {
        write_node(node, 0, &mut out);
    }
    out
}

fn write_node(node: &Node, depth: usize, out: &mut String) {
    writeln!(out, "{:1$}{2}", "", depth * 2, node.what).expect("writing to memory succeeds");
    for child in &node.children {
        write_node(child, depth + 1, out);
    }
}

fn node(declaration: &Declaration, text: &str) -> Node {
    let mut children = Vec::new();
    let what = match declaration {
        Declaration::Domain(domain) => {
            children.extend(doc(domain.doc.as_ref()));
            children.push(name(&domain.name));
            children.extend(domain.owner.as_ref().map(|owner| string("owner", owner)));
            "domain".to_owned()
        }
        Declaration::Source(source) => {
            children.extend(doc(source.doc.as_ref()));
            children.push(qualified_name(&source.name));
            children.extend(source.from.as_ref().map(|from| string("from", from)));
            children.extend(source.format.as_ref().map(|format| {
                let mut parts = vec![name(&format.name)];
                parts.extend(format.options.iter().map(|option| {
                    let value = Node::leaf(format!("value {:?}", option.value), option.value_span);
                    Node::of("option", option.span, vec![name(&option.name), value])
                }));
                Node::of("format", format.span, parts)
            }));
            children.extend(source.columns.as_ref().map(|list| columns(list, text)));
            children.extend(source.key.as_ref().map(|list| names("key", list)));
            children.extend(source.partition_by.as_ref().map(|list| names("partition by", list)));
            format!("source public={} broken={}", source.public, source.broken)
        }
        Declaration::Slice(slice) => {
            children.extend(doc(slice.doc.as_ref()));
            children.push(qualified_name(&slice.name));
            children.extend(slice.key.as_ref().map(|list| names("key", list)));
            children.extend(slice.partition_by.as_ref().map(|list| names("partition by", list)));
            children.extend(slice.sort_by.as_ref().map(|list| names("sort by", list)));
            children.extend(slice.columns.as_ref().map(|list| columns(list, text)));
            children.extend(slice.checks.iter().map(|check| {
                Node::of("check", check.span, vec![name(&check.name), sql("predicate", check.predicate, text)])
            }));
            let stale = |seconds: u64, span: Span| Node::leaf(format!("stale {seconds}"), span);
            children.extend(slice.stale_limit.map(|limit| stale(limit.seconds, limit.span)));
            children.extend(slice.query.map(|query| sql("query", query, text)));
            format!("slice public={} virtual={} broken={}", slice.public, slice.is_virtual, slice.broken)
        }
        Declaration::Test(test) => {
            children.push(qualified_name(&test.slice));
            children.push(string("title", &test.title));
            children.extend(test.givens.iter().map(|Given { span, name, table }| {
                Node::of("given", *span, vec![qualified_name(name), self::table(table)])
            }));
            children.extend(test.expect.as_ref().map(|expect| match expect {
                Expect::Rows { span, table } => Node::of("expect", *span, vec![self::table(table)]),
                Expect::Error { span, code } => Node::of("expect error", *span, vec![name(code)]),
            }));
            format!("test broken={}", test.broken)
        }
    };
    Node::of(what, declaration.span(), children)
}

fn doc(doc: Option<&Doc>) -> Option<Node> {
    doc.map(|doc| Node { beside: true, ..Node::leaf(format!("doc {:?}", doc.text), doc.span) })
}

fn name(name: &Name) -> Node {
    Node::leaf(format!("name {:?}", name.text), name.span)
}

fn qualified_name(qualified: &QualifiedName) -> Node {
    let parts = qualified.domain.iter().chain([&qualified.name]).map(name).collect();
    Node::of("qualified name", qualified.span, parts)
}

fn string(what: &str, text: &Text) -> Node {
    Node::leaf(format!("{what} {:?}", text.value), text.span)
}

fn names(what: &str, list: &NameList) -> Node {
    Node::of(what, list.span, list.names.iter().map(name).collect())
}

fn columns(list: &ColumnList, text: &str) -> Node {
    let column = |column: &Column| {
        let written = text.get(column.data_type.span.range()).map_or_else(|| "?".to_owned(), canonical);
        let mut children = vec![name(&column.name), Node::leaf(format!("type {written}"), column.data_type.span)];
        children.extend(column.not_null.map(|span| Node::leaf("not null", span)));
        children.extend(doc(column.doc.as_ref()));
        Node::of("column", column.span, children)
    };
    Node::of("columns", list.span, list.columns.iter().map(column).collect())
}

fn sql(what: &str, sql: SqlText, text: &str) -> Node {
    let written = text.get(sql.span.range()).map_or_else(|| "?".to_owned(), canonical);
    Node::leaf(format!("{what} {written}"), sql.span)
}

/// Cells lie in the table, not always in their row: the blanks of an empty cell at a row's end are none of the row's.
fn table(table: &Table) -> Node {
    let mut children: Vec<Node> = table.header.iter().map(name).collect();
    for row in &table.rows {
        children.push(Node::leaf("row", row.span));
        children.extend(row.cells.iter().map(|cell| Node::leaf(format!("cell {:?}", cell.value), cell.span)));
    }
    Node::of("table", table.span, children)
}

/// What stands in a file's tables besides cells: comments, in order.
pub fn beside_cells(file: &File, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for table in tables(file) {
        let rows: Vec<Vec<Span>> = [table.header.iter().map(|name| name.span).collect()]
            .into_iter()
            .chain(table.rows.iter().map(|row| row.cells.iter().map(|cell| cell.span).collect()))
            .collect();
        let mut start = table.span.start as usize;
        for line in text[table.span.range()].split('\n') {
            let end = start + line.len();
            let here = |spans: &&Vec<Span>| {
                spans.first().is_some_and(|first| (start..=end).contains(&(first.start as usize)))
                    && spans.last().is_some_and(|last| last.end as usize <= end)
            };
            match rows.iter().find(here) {
                Some(spans) => {
                    let (first, last) = (spans[0], spans[spans.len() - 1]);
                    found.push(text[start..first.start as usize].to_owned());
                    found.push(text[last.end as usize..end].to_owned());
                }
                None => found.push(line.to_owned()),
            }
            start = end + 1;
        }
    }
    found.iter().map(|text| folded(text.trim())).filter(|text| !text.is_empty()).collect()
}

/// The text with its tables blank: they have a lexis of their own.
pub fn without_tables(file: &File, text: &str) -> String {
    let mut out = String::new();
    let mut end = 0;
    for table in tables(file) {
        let range = table.span.range();
        out.push_str(&text[end..range.start]);
        out.push(' ');
        end = range.end;
    }
    out.push_str(&text[end..]);
    out
}

fn tables(file: &File) -> Vec<&Table> {
    let mut tables = Vec::new();
    for declaration in &file.declarations {
        if let Declaration::Test(test) = declaration {
            tables.extend(test.givens.iter().map(|given| &given.table));
            tables.extend(test.expect.iter().filter_map(|expect| match expect {
                Expect::Rows { table, .. } => Some(table),
                Expect::Error { .. } => None,
            }));
        }
    }
    tables.sort_by_key(|table| table.span.start);
    tables
}
