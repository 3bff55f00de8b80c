//! The raw data of the `ledgerx` example, made up but always the same.
//!
//! Nobody wants to download a payment processor's ledger to try a compiler, and no repository wants to carry one, so it
//! is computed: a size in bytes goes in, and out comes a folder that fits the sources in `examples/ledgerx/*.pie`:
//!
//! ```text
//! raw/merchants.csv                                          payments.merchants
//! raw/transfers/chain=eth/day=2026-01-01/part-0.parquet      payments.transfers
//! raw/fx_rates/day=2026-01-01/rates.csv                      finance.fx_rates
//! raw/alerts/day=2026-01-01/alerts.ndjson                    risk.alerts
//! raw/signups/2026-01-01.ndjson                              growth.signups, a file a week
//! ```
//!
//! *The same size gives the same bytes* on any machine: no clock, no hash map, no floating-point function whose last
//! bit depends on the platform, and random numbers of our own, since no crate promises its stream for ever. *Memory
//! doesn't grow with the size*: files are written front to back, and what two files must agree on (wallets, merchants)
//! is a function of a number rather than a table that somebody has to hold.
//!
//! The data is built to be worth querying: few wallets do most of the work, small rings pay one collector from several
//! chains (what `compliance.wallet_clusters` finds), exchanges see everybody (what must not fool it), rates have gaps
//! at weekends, alerts fail, and texts contain commas, quotes and several scripts.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use datafusion::arrow::array::{ArrayRef, Decimal128Array, StringArray, TimestampNanosecondArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use serde_json::json;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generated {
    pub files: u64,
    pub rows: u64,
    pub bytes: u64,
}

/// Writes ledgerx's raw data under `root` (which gets `raw/…`), about `size` bytes of it.
///
/// Both the days and the transfers a day grow with the size: 4 MB are five weeks of three chains, a gigabyte is seven
/// months. Files of the same name are overwritten and others left alone, so empty a folder of another size first.
pub fn generate(root: &Path, size: u64) -> io::Result<Generated> {
    let scale = Scale::of(size);
    let mut output = Output { raw: root.join("raw"), generated: Generated::default() };
    output.file("merchants.csv", |out| merchants(&scale, out))?;
    for day in 0..scale.days {
        let date = date_of(day);
        for chain in &CHAINS {
            let path = format!("transfers/chain={}/day={date}/part-0.parquet", chain.name);
            output.file(&path, |out| transfers(&scale, day, chain, out))?;
        }
        output.file(&format!("fx_rates/day={date}/rates.csv"), |out| fx_rates(day, out))?;
        output.file(&format!("alerts/day={date}/alerts.ndjson"), |out| alerts(&scale, day, out))?;
        if day % 7 == 0 {
            output.file(&format!("signups/{date}.ndjson"), |out| signups(&scale, day, out))?;
        }
    }
    Ok(output.generated)
}

type Out = BufWriter<File>;

struct Output {
    raw: PathBuf,
    generated: Generated,
}

impl Output {
    /// Has a file written by `write`, which says how many rows it has.
    fn file(&mut self, relative: &str, write: impl FnOnce(&mut Out) -> io::Result<u64>) -> io::Result<()> {
        let path = self.raw.join(relative);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut out = BufWriter::new(File::create(&path)?);
        self.generated.rows += write(&mut out)?;
        out.flush()?;
        self.generated.files += 1;
        self.generated.bytes += fs::metadata(&path)?.len();
        Ok(())
    }
}

/// A Thursday.
const FIRST_DAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 1, 1).expect("the date exists");
/// Midnight of [`FIRST_DAY`], in seconds since 1970.
const FIRST_SECOND: u64 = 1_767_225_600;
const SECONDS_A_DAY: u64 = 86_400;

struct Chain {
    number: u64,
    name: &'static str,
    asset: &'static str,
    /// In millionths of a US dollar, around which the rate moves.
    rate: u64,
    /// Evens out what a unit is worth, so that the chains' volumes compare in dollars.
    units: u64,
    /// Of all transfers, in per cent.
    share: u64,
}

const CHAINS: [Chain; 3] = [
    Chain { number: 0, name: "bsc", asset: "BNB", rate: 650_000_000, units: 5, share: 25 },
    Chain { number: 1, name: "eth", asset: "ETH", rate: 3_100_000_000, units: 1, share: 40 },
    Chain { number: 2, name: "polygon", asset: "POL", rate: 420_000, units: 6_000, share: 35 },
];

/// How much of everything there is.
struct Scale {
    days: u64,
    /// On an average day, over all chains.
    transfers: u64,
    customers: u64,
    merchants: u64,
    rings: u64,
}

impl Scale {
    const REFERENCE_SIZE: u64 = 4_000_000;
    const REFERENCE_DAYS: u64 = 35;
    /// The overhead of a Parquet file.
    const BYTES_A_FILE: u64 = 1_100;
    /// What a transfer costs all in all: its row, and its share of the sign-ups and alerts.
    const BYTES_A_TRANSFER: u64 = 90;

    fn of(size: u64) -> Self {
        // Days grow with the cube root, so that large data has large days too, as in a business that grows.
        let cube = |days: u64| u128::from(days).pow(3);
        let limit = cube(Self::REFERENCE_DAYS) * u128::from(size) / u128::from(Self::REFERENCE_SIZE);
        let mut days = 3;
        while cube(days + 1) <= limit {
            days += 1;
        }
        let overhead = (days * CHAINS.len() as u64 * Self::BYTES_A_FILE).min(size / 2);
        let total = (size - overhead) / Self::BYTES_A_TRANSFER;
        let transfers = (total / days).max(12);
        Scale {
            days,
            transfers,
            customers: (total / 12).max(100),
            merchants: (total / 1_000).clamp(12, 20_000),
            rings: (transfers / 60).max(2),
        }
    }

    /// Weekends are quieter; a whole week has the average.
    fn transfers_on(&self, day: u64, chain: &Chain) -> u64 {
        let percent = if is_weekend(day) { 85 } else { 106 };
        (self.transfers * percent * chain.share / 10_000).max(1)
    }

    /// Six in ten customers sign up within the days that there are, the busiest first.
    fn signups_a_day(&self) -> u64 {
        (self.customers * 6 / 10 / self.days).max(1)
    }
}

/// Rows of a record batch, which bounds the memory that a large day takes.
const BATCH: u64 = 65_536;

fn transfers(scale: &Scale, day: u64, chain: &Chain, out: &mut Out) -> io::Result<u64> {
    let rows = scale.transfers_on(day, chain);
    let mut random = Random::stream(Stream::Transfers, (day << 8) | chain.number);
    // `chain` and `day` are in the path, not in the file.
    let schema = Arc::new(Schema::new(vec![
        Field::new("tx_hash", DataType::Utf8, false),
        Field::new("block_at", DataType::Timestamp(TimeUnit::Nanosecond, None), false),
        Field::new("sender", DataType::Utf8, false),
        Field::new("receiver", DataType::Utf8, false),
        Field::new("amount", DataType::Decimal128(38, 9), false),
        Field::new("memo", DataType::Utf8, true),
    ]));
    // Pinned, so that a new version of the writer changes as little as it can.
    let properties = WriterProperties::builder()
        .set_created_by("icepie ledgerx generator".to_owned())
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_dictionary_enabled(ColumnPath::from("tx_hash"), false)
        .set_column_dictionary_enabled(ColumnPath::from("block_at"), false)
        .set_column_dictionary_enabled(ColumnPath::from("amount"), false)
        .build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(out, schema.clone(), options)?;

    let mut first = 0;
    while first < rows {
        let end = rows.min(first + BATCH);
        let mut tx_hash: Vec<String> = Vec::new();
        let mut block_at: Vec<i64> = Vec::new();
        let mut sender: Vec<String> = Vec::new();
        let mut receiver: Vec<String> = Vec::new();
        let mut amount: Vec<i128> = Vec::new();
        let mut memo: Vec<Option<String>> = Vec::new();
        for row in first..end {
            // The first half is a bijection of (day, chain, row), so no two transfers ever share a hash.
            let unique = scatter((day << 40) | (chain.number << 36) | row);
            tx_hash.push(format!("0x{unique:016x}{:016x}", random.draw()));
            let second = (row * SECONDS_A_DAY / rows + random.below(12)).min(SECONDS_A_DAY - 1);
            block_at.push(((FIRST_SECOND + day * SECONDS_A_DAY + second) * 1_000_000_000) as i64);
            let (from, to) = parties(scale, &mut random);
            sender.push(from);
            receiver.push(to);
            amount.push(i128::from(native_amount(&mut random) * chain.units));
            memo.push(transfer_memo(&mut random));
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(tx_hash)),
            Arc::new(TimestampNanosecondArray::from(block_at)),
            Arc::new(StringArray::from(sender)),
            Arc::new(StringArray::from(receiver)),
            Arc::new(Decimal128Array::from(amount).with_precision_and_scale(38, 9).map_err(io::Error::other)?),
            Arc::new(StringArray::from(memo)),
        ];
        let batch = RecordBatch::try_new(schema.clone(), columns).map_err(io::Error::other)?;
        writer.write(&batch)?;
        first = end;
    }
    writer.close()?;
    Ok(rows)
}

/// Who pays whom: mostly customers merchants, but also rings, exchanges, strangers and people themselves.
fn parties(scale: &Scale, random: &mut Random) -> (String, String) {
    match random.below(100) {
        0..55 => (customer(scale, random), wallet(Holder::Merchant, random.skewed(scale.merchants))),
        55..64 => {
            let ring = random.below(scale.rings);
            (ring_member(scale, ring, random), wallet(Holder::Collector, ring))
        }
        64..72 => (customer(scale, random), wallet(Holder::Exchange, random.below(2))),
        72..77 => (wallet(Holder::Exchange, random.below(2)), customer(scale, random)),
        77..98 => (customer(scale, random), wallet(Holder::Customer, random.below(scale.customers))),
        _ => {
            let own = customer(scale, random);
            (own.clone(), own)
        }
    }
}

/// Half of all activity is spread evenly, the other half is the work of a few.
fn customer(scale: &Scale, random: &mut Random) -> String {
    let index = if random.percent(50) { random.skewed(scale.customers) } else { random.below(scale.customers) };
    wallet(Holder::Customer, index)
}

/// A ring is two to five customers.
fn ring_member(scale: &Scale, ring: u64, random: &mut Random) -> String {
    wallet(Holder::Customer, (ring * 6 + random.below(2 + ring % 4)) % scale.customers)
}

/// In billionths of a unit: many small ones and few large ones, over eight decimal orders of magnitude.
fn native_amount(random: &mut Random) -> u64 {
    let exponent = random.below(5).min(random.below(5));
    (1 + random.below(999)) * 10_u64.pow(3 + exponent as u32) + random.below(1_000)
}

fn transfer_memo(random: &mut Random) -> Option<String> {
    match random.below(100) {
        0..70 => None,
        70..90 => Some(format!("invoice {}", 10_000 + random.below(90_000))),
        // Empty is not null, and Parquet can tell.
        90 => Some(String::new()),
        _ => Some((*random.pick(&MEMOS)).to_owned()),
    }
}

const MEMOS: [&str; 6] = ["rent, May", "the \"café\" ☕", "Übertrag 50 %", "ありがとう", "спасибо", "two\nlines"];

fn merchants(scale: &Scale, out: &mut Out) -> io::Result<u64> {
    let mut random = Random::stream(Stream::Merchants, 0);
    writeln!(out, "merchant_id,wallet,name,country,category,fee_bps,onboarded_on,active")?;
    for index in 0..scale.merchants {
        let address = wallet(Holder::Merchant, index);
        let name = csv_field(&format!("{} {}", random.pick(&MERCHANT_NAMES), random.pick(&MERCHANT_TRADES)));
        let country = if random.percent(8) { "" } else { *random.pick(&COUNTRIES) };
        let category = csv_field(if random.percent(12) { "" } else { random.pick::<&str>(&CATEGORIES) });
        let fee_bps = *random.pick(&[0_u64, 25, 50, 80, 100, 150, 290]);
        let is_old = random.percent(80);
        let onboarded_on =
            if is_old { FIRST_DAY - Days::new(1 + random.below(700)) } else { date_of(random.below(scale.days)) };
        let active = random.percent(92);
        writeln!(out, "m{index:05},{address},{name},{country},{category},{fee_bps},{onboarded_on},{active}")?;
    }
    Ok(scale.merchants)
}

const MERCHANT_NAMES: [&str; 8] = ["Ångström", "Søn & Co", "青空", "Müller", "\"Zur Post\"", "Łódź", "Αθήνα", "Sunny"];
const MERCHANT_TRADES: [&str; 6] = ["Books", "Games, Inc.", "Travel", "& Sons, Ltd.", "\"24/7\" Market", "Hosting"];
const CATEGORIES: [&str; 6] = ["books", "food", "games", "travel", "hosting", "gift cards, vouchers"];
const COUNTRIES: [&str; 9] = ["DE", "US", "JP", "BR", "NG", "IN", "GR", "CZ", "NO"];

/// A field as RFC 4180 wants it.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn fx_rates(day: u64, out: &mut Out) -> io::Result<u64> {
    let mut random = Random::stream(Stream::FxRates, day);
    writeln!(out, "chain,asset,usd")?;
    for Chain { name, asset, rate, .. } in &CHAINS {
        let rate = rate / 10_000 * (9_700 + random.below(600));
        // The first day is no weekend, so there is always an earlier rate to carry forward.
        if is_weekend(day) && random.percent(60) {
            writeln!(out, "{name},{asset},")?;
        } else {
            writeln!(out, "{name},{asset},{}.{:06}", rate / 1_000_000, rate % 1_000_000)?;
        }
    }
    Ok(CHAINS.len() as u64)
}

/// Writes the week that begins on `first`. An unknown country is null and an unknown channel left out, as different
/// versions of an app would have it.
fn signups(scale: &Scale, first: u64, out: &mut Out) -> io::Result<u64> {
    let mut rows = 0;
    for day in first..scale.days.min(first + 7) {
        let mut random = Random::stream(Stream::Signups, day);
        for number in 0..scale.signups_a_day() {
            let newest = (day * scale.signups_a_day() + number) % scale.customers;
            // Some sign up again.
            let index = if random.percent(5) { random.below(newest + 1) } else { newest };
            let display_name = match random.below(100) {
                0..15 => None,
                15 => Some(String::new()),
                _ => Some(format!("{} {}", random.pick(&PEOPLE), random.below(1_000))),
            };
            let country = (!random.percent(10)).then_some(*random.pick(&COUNTRIES));
            let mut signup = json!({
                "signup_id": format!("s{day:04}-{number:06}"),
                "signed_up_at": timestamp(day, random.below(SECONDS_A_DAY)),
                "wallet": wallet(Holder::Customer, index),
                "display_name": display_name,
                "country": country,
                "marketing": random.percent(35),
            });
            if random.percent(92) {
                signup["channel"] = json!(random.pick(&CHANNELS));
            }
            serde_json::to_writer(&mut *out, &signup)?;
            writeln!(out)?;
            rows += 1;
        }
    }
    Ok(rows)
}

const PEOPLE: [&str; 8] = ["Ada", "Zoë", "李雷", "Søren", "Иван", "\"Ace\"", "O'Neil, Pat", "👾"];
const CHANNELS: [&str; 5] = ["search", "referral", "merchant", "podcast", "events, fairs"];

fn alerts(scale: &Scale, day: u64, out: &mut Out) -> io::Result<u64> {
    let rows = (scale.transfers / 40).max(3);
    let mut random = Random::stream(Stream::Alerts, day);
    for number in 0..rows {
        let suspect = if random.percent(30) {
            let ring = random.below(scale.rings);
            ring_member(scale, ring, &mut random)
        } else {
            customer(scale, &mut random)
        };
        let rule = *random.pick(&RULES);
        let status = match random.below(100) {
            0..8 => "failed",
            8..43 => "dismissed",
            43..60 => "confirmed",
            _ => "open",
        };
        let failed = status == "failed";
        let score = (!failed).then_some(random.below(101));
        let hundredths = random.below(101) as u32;
        // A list of names has no model behind it.
        let confidence = (!failed && rule != "sanctions").then_some(f64::from(hundredths) / 100.0);
        let mut alert = json!({
            "alert_id": format!("a{day:04}-{number:06}"),
            "raised_at": timestamp(day, random.below(SECONDS_A_DAY)),
            "wallet": suspect,
            "rule": rule,
            "status": status,
            "score": score,
            "confidence": confidence,
        });
        if failed || random.percent(40) {
            alert["detail"] = json!(random.pick(&DETAILS));
        }
        serde_json::to_writer(&mut *out, &alert)?;
        writeln!(out)?;
    }
    Ok(rows)
}

const RULES: [&str; 5] = ["mixer", "sanctions", "structuring", "velocity", "young wallet"];
const DETAILS: [&str; 4] = ["rule \"timeout\", 30 s", "amounts just below 1,000", "naïve Bayes: 混合", ""];

/// Whoever can hold money.
#[derive(Clone, Copy)]
enum Holder {
    Customer = 1,
    Merchant,
    Collector,
    Exchange,
}

/// The address of a wallet: a function of the number, so that nobody has to remember it.
fn wallet(holder: Holder, index: u64) -> String {
    format!("0x{:016x}", scatter(((holder as u64) << 56) | index))
}

fn date_of(day: u64) -> NaiveDate {
    FIRST_DAY + Days::new(day)
}

fn timestamp(day: u64, second: u64) -> String {
    format!("{}T{:02}:{:02}:{:02}", date_of(day), second / 3_600, second / 60 % 60, second % 60)
}

fn is_weekend(day: u64) -> bool {
    (day + 3) % 7 >= 5
}

/// One stream a file, so that no file depends on how much another one drew.
#[derive(Clone, Copy)]
enum Stream {
    Merchants = 1,
    Transfers,
    FxRates,
    Signups,
    Alerts,
}

/// SplitMix64 (Steele, Lea and Flood, 2014): small, fast, and good enough for pretending.
struct Random(u64);

impl Random {
    fn stream(stream: Stream, number: u64) -> Self {
        Random(scatter(((stream as u64) << 48) | number))
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scatter(self.0)
    }

    /// Less than `bound`, which isn't zero.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u64
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// Less than `bound`, with about Zipf's law: each octave (1, 2–3, 4–7, …) is as likely as any other. Integers only,
    /// since powers and logarithms differ in the last bit from one platform to the next.
    fn skewed(&mut self, bound: u64) -> u64 {
        let octaves = u64::from(u64::BITS - bound.leading_zeros());
        let octave = 1_u64 << self.below(octaves);
        (octave - 1 + self.below(octave)) % bound
    }
}

/// The finalizer of SplitMix64, a bijection: different numbers stay different.
fn scatter(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_gives_the_same_bytes() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let generated = generate(first.path(), 300_000).unwrap();
        assert_eq!(generate(second.path(), 300_000).unwrap(), generated);
        let files = files_below(first.path());
        assert_eq!(files.len() as u64, generated.files);
        assert_eq!(files.iter().map(|(_, content)| content.len() as u64).sum::<u64>(), generated.bytes);
        assert!(files == files_below(second.path()), "two runs differ");
    }

    #[test]
    fn the_size_is_about_what_was_asked_for() {
        for size in [4_000_000, 12_000_000] {
            let folder = tempfile::tempdir().unwrap();
            let bytes = generate(folder.path(), size).unwrap().bytes;
            assert!(bytes > size / 10 * 7 && bytes < size / 10 * 13, "{bytes} bytes for {size}");
        }
    }

    #[test]
    fn even_nothing_is_three_days() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(generate(folder.path(), 0).unwrap().files, 1 + 3 * (3 + 1 + 1) + 1);
    }

    fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                let name = PathBuf::from(path.file_name().unwrap());
                files.extend(files_below(&path).into_iter().map(|(below, content)| (name.join(below), content)));
            } else {
                files.push((PathBuf::from(path.file_name().unwrap()), fs::read(&path).unwrap()));
            }
        }
        files.sort();
        files
    }
}
