//! A plan that is made when somebody asks for it.

use super::LogicalPlan;
use std::fmt;
use std::sync::{Arc, OnceLock};

type Make = Arc<dyn Fn() -> Option<LogicalPlan> + Send + Sync>;

/// The analysed plan of a query. Where it is known what the plan would say, it is made only for those who run it, model it or
/// read it as a view.
#[derive(Clone)]
pub struct LazyPlan {
    plan: Arc<OnceLock<Option<Arc<LogicalPlan>>>>,
    make: Option<Make>,
}

impl LazyPlan {
    /// A plan that is there, or the lack of one.
    pub fn ready(plan: Option<LogicalPlan>) -> LazyPlan {
        LazyPlan { plan: Arc::new(OnceLock::from(plan.map(Arc::new))), make: None }
    }

    /// A plan that is known to exist; `make` is called at most once.
    pub fn later(make: impl Fn() -> Option<LogicalPlan> + Send + Sync + 'static) -> LazyPlan {
        LazyPlan { plan: Arc::default(), make: Some(Arc::new(make)) }
    }

    /// The plan; `None` for a query in error.
    pub fn get(&self) -> Option<&Arc<LogicalPlan>> {
        self.plan.get_or_init(|| self.make.as_ref().and_then(|make| make()).map(Arc::new)).as_ref()
    }

    /// Whether there is one, without making it.
    pub fn exists(&self) -> bool {
        match self.plan.get() {
            Some(plan) => plan.is_some(),
            None => self.make.is_some(),
        }
    }
}

impl fmt::Debug for LazyPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.plan.get() {
            Some(Some(plan)) => write!(f, "{}", plan.display_indent()),
            Some(None) => f.write_str("no plan"),
            None => f.write_str("a plan for later"),
        }
    }
}
