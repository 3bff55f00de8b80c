//! `pie lsp`

use super::{Outcome, Stop, exit};
use crate::lsp;
use lsp_server::Connection;

pub fn run() -> Outcome {
    let (connection, threads) = Connection::stdio();
    let served = lsp::serve(&connection);
    drop(connection);
    match served {
        Ok(true) => {
            threads.join()?;
            Ok(exit::CLEAN)
        }
        // The editor is gone: nobody reads what could be said.
        Ok(false) => Ok(exit::FINDINGS),
        Err(error) => Err(Stop::Usage(format!(
            "the language server stopped: {error}\n`pie lsp` is started by an editor, and speaks its protocol on standard input and output"
        ))),
    }
}
