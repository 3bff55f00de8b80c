//! Writes the eight TPC-H tables as CSV. Shared by the example and the integration tests.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tpchgen::csv::{CustomerCsv, LineItemCsv, NationCsv, OrderCsv, PartCsv, PartSuppCsv, RegionCsv, SupplierCsv};
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};

/// Writes `raw/<table>.csv` below `root` at a scale factor; the same scale factor always gives the same bytes.
///
/// `raw/lineitem.csv` comes last and every file appears whole, so that its presence means that the data is complete.
pub fn generate(root: &Path, scale_factor: f64) -> io::Result<()> {
    let sf = scale_factor;
    let raw = root.join("raw");
    fs::create_dir_all(&raw)?;
    write_table(&raw, "region", RegionCsv::header(), RegionGenerator::new(sf, 1, 1).iter().map(RegionCsv::new))?;
    write_table(&raw, "nation", NationCsv::header(), NationGenerator::new(sf, 1, 1).iter().map(NationCsv::new))?;
    write_table(
        &raw,
        "supplier",
        SupplierCsv::header(),
        SupplierGenerator::new(sf, 1, 1).iter().map(SupplierCsv::new),
    )?;
    write_table(&raw, "part", PartCsv::header(), PartGenerator::new(sf, 1, 1).iter().map(PartCsv::new))?;
    write_table(
        &raw,
        "partsupp",
        PartSuppCsv::header(),
        PartSuppGenerator::new(sf, 1, 1).iter().map(PartSuppCsv::new),
    )?;
    write_table(
        &raw,
        "customer",
        CustomerCsv::header(),
        CustomerGenerator::new(sf, 1, 1).iter().map(CustomerCsv::new),
    )?;
    write_table(&raw, "orders", OrderCsv::header(), OrderGenerator::new(sf, 1, 1).iter().map(OrderCsv::new))?;
    write_table(&raw, "lineitem", LineItemCsv::header(), LineItemGenerator::new(sf, 1, 1).iter().map(LineItemCsv::new))
}

fn write_table<R: Display>(raw: &Path, table: &str, header: &str, rows: impl Iterator<Item = R>) -> io::Result<()> {
    let partial = raw.join(format!("{table}.csv.partial"));
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&partial)?);
    writeln!(out, "{header}")?;
    for row in rows {
        writeln!(out, "{row}")?;
    }
    out.flush()?;
    drop(out);
    fs::rename(&partial, raw.join(format!("{table}.csv")))
}
