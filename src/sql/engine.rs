//! The functions, planners and settings of DataFusion that give SQL its meaning, made once a process.

use datafusion::config::ConfigOptions;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;
use std::sync::{Arc, LazyLock};

/// Stands for everything outside the project that decides what a query means. It is part of every build key: a new
/// version rebuilds.
pub const ENGINE_VERSION: &str = "icepie-semantics/11 datafusion/55.2.0";

/// The settings of planning and of execution. What decides results or their order is pinned: one partition a task
/// (independent slices run in parallel instead), no work stealing between files, canonical string types.
pub fn session_config() -> SessionConfig {
    let mut config = SessionConfig::new().with_target_partitions(1).with_information_schema(false);
    let options = config.options_mut();
    options.sql_parser.collect_spans = true;
    // `timestamp with time zone` is kept in UTC.
    options.execution.time_zone = Some("+00:00".to_owned());
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.enable_file_stream_work_stealing = false;
    options.execution.parquet.schema_force_view_types = false;
    options.optimizer.repartition_aggregations = false;
    options.optimizer.repartition_joins = false;
    options.optimizer.repartition_windows = false;
    options.optimizer.repartition_sorts = false;
    options.optimizer.repartition_file_scans = false;
    options.optimizer.enable_round_robin_repartition = false;
    config
}

/// The state that planning reads: functions, expression planners, analyzer, options. It knows no table and no store.
pub fn engine() -> &'static SessionState {
    static ENGINE: LazyLock<SessionState> = LazyLock::new(|| {
        let builder = SessionStateBuilder::new().with_config(session_config()).with_default_features();
        let state = with_functions(builder).build();
        SessionContext::new_with_state(state).state()
    });
    &ENGINE
}

/// Puts pie's own functions over the engine's: sums and averages of floats that don't depend on the order of rows. And its
/// optimizer without what that gets wrong.
pub fn with_functions(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    builder.aggregate_functions().get_or_insert_default().extend(super::exact::aggregates());
    builder.with_optimizer_rules(super::optimizer::rules())
}

/// The engine's options; shared.
pub fn options() -> &'static Arc<ConfigOptions> {
    engine().config_options()
}
