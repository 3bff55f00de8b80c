//! Two revisions of a project, compared without data and without a store.

use super::{Project, check_with, memo_of};
use crate::algebra::Meanings;
use crate::diagnostic::Failed;
use crate::diff::{self, Difference, Side};
use crate::workspace::{self, Workspace};
use std::path::Path;
use std::sync::Arc;

/// Two revisions and what lies between them.
#[derive(Debug)]
pub struct Compared {
    pub base: Project,
    pub head: Project,
    pub difference: Difference,
}

/// Compares a project at a git revision with what it is at another one, or in its folder. With `since` the older side is where both
/// have gone apart, as in a pull request.
///
/// # Errors
/// E0005 where there is no such revision.
pub fn compare(root: &Path, base: &str, head: Option<&str>, since: bool) -> Result<Compared, Failed> {
    let base = match since {
        true => workspace::merge_base(root, base, head.unwrap_or("HEAD"))?.load(root)?,
        false => workspace::load_revision(root, base)?.0,
    };
    let head = match head {
        Some(head) => workspace::load_revision(root, head)?.0,
        None => workspace::load(root),
    };
    Ok(compare_workspaces(base, head))
}

/// Compares two projects by their texts alone.
pub fn compare_workspaces(base: Workspace, head: Workspace) -> Compared {
    let checked = |workspace: Workspace| {
        let memo = memo_of(&workspace);
        check_with(workspace, memo)
    };
    let (base, head) = (checked(base), checked(head));
    let meanings = |project: &Project| Meanings::new(Arc::clone(&project.model), project.memo.clone());
    let (before, now) = (meanings(&base), meanings(&head));
    let side = |project: &'_ Project| (Arc::clone(&project.model), project.workspace.sources.clone());
    let ((base_model, base_sources), (head_model, head_sources)) = (side(&base), side(&head));
    let difference = diff::diff(
        Side { model: &base_model, meanings: &before, sources: &base_sources },
        Side { model: &head_model, meanings: &now, sources: &head_sources },
    );
    base.memo.save();
    head.memo.save();
    Compared { base, head, difference }
}
