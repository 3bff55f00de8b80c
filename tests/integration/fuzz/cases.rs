//! Many cases: seeds shared among threads, each case a random project with random edits.

use super::drive::Bench;
use super::edits::{Claim, Family, breaking, mending, random_edit};
use super::generate;
use super::ledger::Ledger;
use super::project::Project;
use super::random::Random;
use super::run::{COLD, REVERT, Run, Step, Stop};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Planning recurses: the compiler runs on threads with room, as it does under the command line.
const STACK: usize = 256 << 20;

/// Something that must hold didn't.
#[derive(Clone, Debug)]
pub struct Violation {
    pub seed: u64,
    pub invariant: &'static str,
    pub detail: String,
    /// From the first build to the step that broke it.
    pub steps: Vec<Step>,
}

/// How cases are run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub edits: usize,
    /// Every so many cases are built from nothing at their end.
    pub cold_every: u64,
    /// See [`Run::forgetful`].
    pub forgetful: bool,
    /// Stops after so long, for runs that aren't meant to be repeatable.
    pub at_most: Option<Duration>,
    /// Tells of the progress each hundred cases.
    pub loud: bool,
    /// See [`Run::gather`].
    pub gather: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { edits: 7, cold_every: 4, forgetful: false, at_most: None, loud: false, gather: false }
    }
}

/// Runs a case's work, with a planted fault around it perhaps.
pub type Around<'a> = &'a (dyn Fn(&mut dyn FnMut()) + Sync);

/// Runs the cases of all seeds on all cores. Gives a violation, if there is one, and the ledger; behind a violation no
/// case is begun.
pub fn run_all(seeds: Range<u64>, options: Options, around: Around<'_>) -> (Option<Violation>, Ledger) {
    let started = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let stopped = AtomicBool::new(false);
    let found: Mutex<Option<Violation>> = Mutex::new(None);
    let total: Mutex<Ledger> = Mutex::new(Ledger::default());
    let work = || {
        let bench = Bench::new();
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            let late = options.at_most.is_some_and(|limit| started.elapsed() > limit);
            if seed >= seeds.end || late || stopped.load(Ordering::SeqCst) {
                return;
            }
            let mut ledger = Ledger::default();
            let mut result = None;
            around(&mut || {
                result = case(&bench, seed, options, &mut ledger).err();
            });
            let mut total = total.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            total.merge(ledger);
            if options.loud && total.cases.is_multiple_of(100) {
                eprintln!("{} cases, {} edits, {:?}", total.cases, total.edits(), started.elapsed());
            }
            if let Some(violation) = result {
                stopped.store(true, Ordering::SeqCst);
                let mut found = found.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                if found.as_ref().is_none_or(|other| violation.seed < other.seed) {
                    *found = Some(*violation);
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get).min(8);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let builder = std::thread::Builder::new().name("fuzz".to_owned()).stack_size(STACK);
            builder.spawn_scoped(scope, work).expect("a thread can be started");
        }
    });
    let found = found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    (found, total.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

/// Runs something on a thread with room.
pub fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name("fuzz".to_owned()).stack_size(STACK);
        let thread = builder.spawn_scoped(scope, work).expect("a thread can be started");
        thread.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause))
    })
}

/// One case.
fn case(bench: &Bench, seed: u64, options: Options, ledger: &mut Ledger) -> Result<(), Box<Violation>> {
    let mut random = Random::new(seed);
    let mut run = Run::new(bench);
    run.forgetful = options.forgetful;
    run.gather = options.gather;
    let mut steps: Vec<Step> = Vec::new();
    let violation = |invariant: &'static str, detail: String, steps: &[Step]| {
        Box::new(Violation { seed, invariant, detail, steps: steps.to_vec() })
    };
    let first = match first_build(&mut run, &mut random, ledger) {
        Ok(Some(first)) => first,
        Ok(None) => return Ok(()),
        Err(failed) => {
            let (first, invariant, detail) = *failed;
            return Err(violation(invariant, detail, &[first]));
        }
    };
    steps.push(first);
    ledger.cases += 1;
    let mut made = 0;
    for _ in 0..options.edits * 3 {
        let Some(step) = next_step(&steps, &mut random) else { continue };
        match run.step(&step) {
            Ok(ran) => {
                if let Some(detail) = ran.imprecise.as_ref().filter(|_| options.loud) {
                    eprintln!("seed {seed}: {}: {detail}", step.name);
                }
                ledger.add(&step, &ran);
                steps.push(step);
                made += 1;
            }
            Err(Stop::TooLarge | Stop::Promise(_)) => ledger.left_out += 1,
            Err(Stop::Refused(text)) => ledger.refuse_edit(&step.name, text),
            Err(Stop::Broken { invariant, detail }) => {
                steps.push(step);
                return Err(violation(invariant, detail, &steps));
            }
        }
        if made == options.edits {
            break;
        }
    }
    if seed.is_multiple_of(options.cold_every)
        && let Err(Stop::Broken { invariant, detail }) = run.cold()
    {
        return Err(violation(invariant, detail, &steps));
    }
    Ok(())
}

/// The first build, the invariant that it breaks, and how.
type Failed = Box<(Step, &'static str, String)>;

/// Generates projects until one can be built.
fn first_build(run: &mut Run<'_>, random: &mut Random, ledger: &mut Ledger) -> Result<Option<Step>, Failed> {
    for _ in 0..12 {
        let mut project = generate::project(random);
        // Keys that the rows don't keep are taken away, one after the other.
        for _ in 0..=project.slices.len() {
            let name = "the first build".to_owned();
            let step = Step { name, family: Family::Several, claim: Claim::Changes, project: project.clone() };
            match run.step(&step) {
                Ok(_) => {
                    ledger.generated += 1;
                    return Ok(Some(step));
                }
                Err(Stop::Promise(name)) => {
                    project.slices.iter_mut().filter(|slice| slice.name == name).for_each(|slice| slice.key.clear());
                }
                Err(Stop::TooLarge) => break,
                Err(Stop::Refused(text)) => {
                    ledger.refuse_project(text);
                    break;
                }
                Err(Stop::Broken { invariant, detail }) => return Err(Box::new((step, invariant, detail))),
            }
        }
    }
    Ok(None)
}

/// A random edit of the last state, or the way back to an earlier one.
fn next_step(steps: &[Step], random: &mut Random) -> Option<Step> {
    let last = &steps.last()?.project;
    let is_broken = last.slices.iter().any(|slice| slice.broken.is_some());
    let whole = |at: &usize| steps[*at].project.slices.iter().all(|slice| slice.broken.is_none());
    let earlier: Vec<usize> = (0..steps.len() - 1).filter(whole).collect();
    let back = random.chance(if is_broken { 35 } else { 12 });
    if let Some(at) = random.pick(&earlier).filter(|_| back) {
        let project: Project = steps[at].project.clone();
        let name = format!("back to state {at}");
        let step = Step { name, family: Family::Revert, claim: Claim::Changes, project };
        return (&step.project != last).then_some(step);
    }
    let made = match is_broken {
        true => mending(last, random)?,
        false if random.chance(8) => breaking(last, random)?,
        false => random_edit(last, random)?,
    };
    let claim = if proves_less(steps, made.family) { made.claim.max(Claim::Unproved) } else { made.claim };
    Some(Step { name: made.name, family: made.family, claim, project: made.project })
}

/// Whether readers of what is renamed may be built again. They are found by what they are over sources, and what is said of
/// sources is a part of that. A build isn't looked at again when a source gets a key and all is fresh, so it isn't known
/// as what it would be with that key: one build too many (seed 11000124).
fn proves_less(steps: &[Step], family: Family) -> bool {
    let promises = |step: &Step| -> Vec<(Vec<String>, Vec<bool>)> {
        let sources = step.project.sources.iter();
        sources.map(|source| (source.key.clone(), source.columns.iter().map(|it| it.not_null).collect())).collect()
    };
    matches!(family, Family::Label | Family::Several)
        && steps.windows(2).any(|pair| promises(&pair[0]) != promises(&pair[1]))
}

/// Runs steps again in a new folder: what goes wrong with the given invariant, if it does.
pub fn replay(bench: &Bench, steps: &[Step], invariant: &'static str, forgetful: bool) -> Option<String> {
    let mut run = Run::new(bench);
    run.forgetful = forgetful;
    for (at, step) in steps.iter().enumerate() {
        let is_back = steps[..at].iter().any(|earlier| earlier.project == step.project);
        if invariant == REVERT && step.family == Family::Revert && !is_back {
            return None;
        }
        match run.step(step) {
            Ok(_) => {}
            Err(Stop::Broken { invariant: other, detail }) => return (other == invariant).then_some(detail),
            Err(Stop::Refused(_) | Stop::TooLarge | Stop::Promise(_)) => return None,
        }
    }
    match run.cold() {
        Err(Stop::Broken { invariant: other, detail }) if invariant == COLD && other == COLD => Some(detail),
        _ => None,
    }
}
