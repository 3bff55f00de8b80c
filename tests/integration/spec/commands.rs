//! The body of a `console` fence: commands, each with the output that the page shows.

/// A command and the lines below it.
pub struct Command<'p> {
    /// How many lines below the fence's opening line it stands.
    pub line: usize,
    /// The command as written, behind `$ `.
    pub text: &'p str,
    pub expected: Vec<&'p str>,
}

/// Cuts a body at the lines that begin with `$ `.
pub fn parse(body: &str) -> Result<Vec<Command<'_>>, String> {
    let mut commands: Vec<Command> = Vec::new();
    for (index, line) in body.lines().enumerate() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(text), _) => commands.push(Command { line: index + 1, text, expected: Vec::new() }),
            (None, Some(command)) => command.expected.push(line),
            (None, None) if line.trim().is_empty() => {}
            (None, None) => return Err(format!("output without a command: `{line}`")),
        }
    }
    if commands.is_empty() { Err("a console needs a line that begins with `$ `".to_owned()) } else { Ok(commands) }
}

/// What a command runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    Pie,
    Git,
}

/// The program and the arguments of a command, split as a shell does: blanks, single quotes, double quotes, backslashes.
pub fn arguments(text: &str) -> Result<(Program, Vec<String>), String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => quoted(&mut characters, word.get_or_insert_default(), '\'')?,
            '"' => quoted(&mut characters, word.get_or_insert_default(), '"')?,
            '\\' => word.get_or_insert_default().extend(characters.next()),
            '|' | '>' | '<' | '&' | ';' | '$' => return Err(format!("`{character}` needs a shell, and there is none")),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    match words.split_first() {
        Some((program, arguments)) if program == "pie" => Ok((Program::Pie, arguments.to_vec())),
        Some((program, arguments)) if program == "git" => Ok((Program::Git, arguments.to_vec())),
        _ => Err("a console runs only `pie` and `git`".to_owned()),
    }
}

fn quoted(characters: &mut std::str::Chars, word: &mut String, quote: char) -> Result<(), String> {
    while let Some(character) = characters.next() {
        match character {
            found if found == quote => return Ok(()),
            '\\' if quote == '"' => word.extend(characters.next()),
            other => word.push(other),
        }
    }
    Err(format!("{quote} is never closed"))
}

#[test]
fn words_are_split_as_a_shell_does() {
    let words = |text| arguments(text).map(|(_, words)| words.join("|"));
    assert_eq!(words("pie query 'select ''a'' as \"b\"' x"), Ok("query|select a as \"b\"|x".to_owned()));
    assert_eq!(words(r#"pie query "select 'a' as \"b\"""#), Ok("query|select 'a' as \"b\"".to_owned()));
    assert_eq!(words("pie  check ''"), Ok("check|".to_owned()));
    assert!(words("ls").is_err() && words("pie check 'a").is_err() && words("pie check | head").is_err());
}
