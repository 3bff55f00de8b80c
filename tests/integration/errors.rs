//! The pages of the error codes: one for each, and each shows its own code.

use crate::pie;
use crate::spec::page::{Kind, Page};
use crate::spec::pages;
use icepie::diagnostic::Code;

/// Codes whose page has no example that gives them, and why.
const WITHOUT_EXAMPLE: [(&str, &str); 11] = [
    ("E0003", "a Markdown page can't hold a file that isn't UTF-8"),
    ("E0004", "an example past a limit would be as long as the limit"),
    ("E0506", "how much memory a query needs depends on the machine"),
    ("E0602", "pie itself never damages its store"),
    ("E0603", "the store of a newer version can't be written by this one"),
    ("E0604", "it takes two builders at the same instant"),
    ("E0606", "it takes a store that can't be used"),
    ("E0607", "it takes a store that fails between two answers"),
    ("W0601", "pie itself never damages its store"),
    ("W0602", "it takes time to pass"),
    ("E0801", "pie itself never publishes wrong rows"),
];

#[test]
fn every_code_has_its_page() {
    let mut expected: Vec<String> = Code::ALL.iter().map(|code| format!("spec/errors/{}", code.page_name())).collect();
    expected.push("spec/errors/README.md".to_owned());
    expected.sort_unstable();
    let found: Vec<String> = pages("spec/errors").into_iter().map(|page| page.name).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_index_lists_every_code() {
    let index = pie::read("spec/errors/README.md");
    for code in Code::ALL {
        let title = pie::read(&format!("spec/errors/{}", code.page_name()));
        let title = title.lines().next().and_then(|line| line.strip_prefix(&format!("# {}: ", code.as_str())));
        let title = title.unwrap_or_else(|| panic!("{} doesn't begin with its title", code.page_name()));
        let row = format!("| [{}]({}) | {title} |", code.as_str(), code.page_name());
        assert!(index.contains(&row), "spec/errors/README.md lacks the row\n{row}");
    }
}

#[test]
fn every_page_shows_its_code_and_then_how_to_be_rid_of_it() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let name = format!("spec/errors/{}", code.page_name());
        let page = crate::spec::page::parse(&name, pie::read(&name));
        let consoles = consoles(&page);
        let exception = WITHOUT_EXAMPLE.iter().find(|(exception, _)| *exception == code.as_str());
        match (consoles.iter().any(|output| output.contains(code.as_str())), exception) {
            (true, Some(_)) => wrong.push(format!("{name} shows its code; take it off the list of exceptions")),
            (false, None) => wrong.push(format!("{name} has no output that shows {}", code.as_str())),
            (true, None) | (false, Some(_)) => {}
        }
        if consoles.last().is_some_and(|output| output.contains(code.as_str())) {
            wrong.push(format!("{name} ends with {} still there", code.as_str()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The outputs that a page shows, one for each command.
fn consoles(page: &Page) -> Vec<&str> {
    let consoles = page.fences().filter(|fence| fence.kind == Kind::Console);
    consoles.flat_map(|fence| page.body(fence).split("$ ").skip(1)).collect()
}
