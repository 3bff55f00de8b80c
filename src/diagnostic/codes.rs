//! The registry of diagnostic codes.
//!
//! A code that was released keeps its meaning for ever and is never reused. Each has one Markdown page in `spec/errors/`,
//! which is what `pie explain` prints, the reference, and a test (`tests/`): the page's broken example must give the code.

/// One code's page: what `pie explain CODE` prints.
pub struct Page {
    pub code: Code,
    pub markdown: &'static str,
}

/// Finds a code's page; `text` may be in any case.
pub fn explain(text: &str) -> Option<Page> {
    let wanted = text.to_ascii_uppercase();
    let code = Code::ALL.iter().copied().find(|code| code.as_str() == wanted)?;
    Some(Page { code, markdown: code.page() })
}

macro_rules! codes {
    ($($name:ident = $code:literal $slug:literal,)*) => {
        /// A stable diagnostic code. `E…` are errors, `W…` warnings, `N…` notes.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code { $($name,)* }

        impl Code {
            /// Every code, in the order of the registry.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The code as people write it, such as `E0201`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// The file name of the code's page below `spec/errors/`.
            pub fn page_name(self) -> &'static str {
                match self { $(Code::$name => concat!($code, "-", $slug, ".md"),)* }
            }

            /// The text of the code's page.
            pub fn page(self) -> &'static str {
                match self {
                    $(Code::$name => include_str!(concat!("../../spec/errors/", $code, "-", $slug, ".md")),)*
                }
            }
        }
    };
}

codes! {
    // The project and its files.
    NoProject = "E0001" "no-project",
    BadConfig = "E0002" "bad-config",
    UnreadableFile = "E0003" "unreadable-file",
    LimitExceeded = "E0004" "limit-exceeded",
    NoRevision = "E0005" "no-revision",

    // Syntax of the declarations.
    Syntax = "E0101" "syntax",
    UnclosedDelimiter = "E0102" "unclosed-delimiter",
    UnterminatedText = "E0103" "unterminated-text",
    RepeatedClause = "E0104" "repeated-clause",
    MissingClause = "E0105" "missing-clause",
    ReservedWord = "E0106" "reserved-word",
    UnknownClause = "E0107" "unknown-clause",
    BadDuration = "E0108" "bad-duration",
    BadTestTable = "E0109" "bad-test-table",
    MissingDomain = "E0110" "missing-domain",
    BadOption = "E0111" "bad-option",

    // Names.
    UnknownColumn = "E0201" "unknown-column",
    UnknownRelation = "E0202" "unknown-relation",
    UnknownDomain = "E0203" "unknown-domain",
    DuplicateDeclaration = "E0204" "duplicate-declaration",
    PrivateRead = "E0205" "private-read",
    Cycle = "E0206" "cycle",
    AmbiguousColumn = "E0207" "ambiguous-column",
    UnknownFunction = "E0208" "unknown-function",
    DuplicateColumn = "E0209" "duplicate-column",
    UnknownClauseColumn = "E0210" "unknown-clause-column",
    BadTestSubject = "E0211" "bad-test-subject",

    // Queries, their types, and what a slice may not do.
    SqlSyntax = "E0301" "sql-syntax",
    NotAQuery = "E0302" "not-a-query",
    ClockFunction = "E0303" "clock-function",
    ChanceFunction = "E0304" "chance-function",
    TypeMismatch = "E0305" "type-mismatch",
    NotGrouped = "E0306" "not-grouped",
    ContractMismatch = "E0307" "contract-mismatch",
    UnknownType = "E0308" "unknown-type",
    InvalidQuery = "E0309" "invalid-query",
    Unsupported = "E0310" "unsupported",
    ColumnCount = "E0311" "column-count",
    CheckNotBoolean = "E0312" "check-not-boolean",
    FileFunction = "E0313" "file-function",
    OpenFrame = "E0314" "open-frame",

    // Freezing.
    NoFiles = "E0401" "no-files",
    BadPathTemplate = "E0402" "bad-path-template",
    FileSchema = "E0403" "file-schema",
    BadValue = "E0404" "bad-value",
    NullInSource = "E0405" "null-in-source",
    DuplicateSourceKey = "E0406" "duplicate-source-key",
    PartitionMismatch = "E0407" "partition-mismatch",
    FrozenFileChanged = "E0408" "frozen-file-changed",
    FrozenFileVanished = "E0409" "frozen-file-vanished",
    UnreadableData = "E0410" "unreadable-data",
    NotFrozen = "E0411" "not-frozen",
    DeclarationChanged = "E0412" "declaration-changed",

    // Building.
    QueryFailed = "E0501" "query-failed",
    NullInSlice = "E0502" "null-in-slice",
    DuplicateSliceKey = "E0503" "duplicate-slice-key",
    CheckFailed = "E0504" "check-failed",
    InputMissing = "E0505" "input-missing",
    OutOfMemory = "E0506" "out-of-memory",

    // The store.
    Store = "E0601" "store",
    CorruptRecord = "E0602" "corrupt-record",
    UnknownRecordVersion = "E0603" "unknown-record-version",
    CommitConflict = "E0604" "commit-conflict",
    NotPublished = "E0605" "not-published",
    StoreIncapable = "E0606" "store-incapable",
    UnknownOutcome = "E0607" "unknown-outcome",
    NotHeld = "E0608" "not-held",
    NoEnvironment = "E0609" "no-environment",
    NotPromoted = "E0610" "not-promoted",

    // Tests.
    TestFailed = "E0701" "test-failed",
    BadTestValue = "E0702" "bad-test-value",

    // Verifying.
    WrongRows = "E0801" "wrong-rows",

    // What a change does to others.
    ContractBroken = "E0901" "contract-broken",

    // What is said without a fault.
    MeaningChanged = "N0901" "meaning-changed",

    // Warnings.
    UnusedPrivate = "W0101" "unused-private",
    UnnamedColumn = "W0102" "unnamed-column",
    NullComparison = "W0103" "null-comparison",
    UnverifiedPromise = "W0104" "unverified-promise",
    OpenChoice = "W0105" "open-choice",
    DeceptiveCharacter = "W0106" "deceptive-character",
    ConfusableName = "W0107" "confusable-name",
    ColumnAsName = "W0108" "column-as-name",
    OlderVersion = "W0601" "older-version",
    Overdue = "W0602" "overdue",
    ContractChanged = "W0901" "contract-changed",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
    }

    #[test]
    fn pages_start_with_their_code() {
        for code in Code::ALL {
            let first = code.page().lines().next().unwrap_or_default();
            assert!(first.starts_with(&format!("# {}: ", code.as_str())), "{}: {first:?}", code.page_name());
        }
    }

    #[test]
    fn explain_ignores_case() {
        assert_eq!(explain("e0201").map(|page| page.code), Some(Code::UnknownColumn));
        assert!(explain("E9999").is_none());
    }
}
