//! Suite 13: object_store's own suite on our stores, and a whole project over a server that speaks S3.

use super::fault::{FaultStore, Script};
use super::processes::process_with;
use super::world::{World, copy_folder};
use datafusion::object_store::ObjectStore;
use datafusion::object_store::integration;
use datafusion::object_store::memory::InMemory;
use datafusion::object_store::path::Path as ObjectPath;
use hyper_util::rt::{TokioExecutor, TokioIo};
use icepie::store::DurableLocal;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use std::path::Path;
use std::sync::Arc;

async fn conforms(store: &dyn ObjectStore, supports_update: bool) {
    integration::put_get_delete_list(store).await;
    integration::get_opts(store).await;
    integration::put_opts(store, supports_update).await;
    integration::list_uses_directories_correctly(store).await;
    integration::list_with_delimiter(store).await;
    integration::list_with_offset_exclusivity(store).await;
    integration::rename_and_copy(store).await;
    integration::copy_if_not_exists(store).await;
    integration::copy_rename_nonexistent_object(store).await;
    integration::stream_get(store).await;
    integration::multipart_race_condition(store, true).await;
    integration::multipart_out_of_order(store).await;
    let missing = integration::get_nonexistent_object(store, Some(ObjectPath::from("nothing here"))).await;
    assert!(matches!(missing, Err(datafusion::object_store::Error::NotFound { .. })), "{missing:?}");
}

#[test]
fn our_stores_pass_the_suite_of_object_store() {
    super::runtime().block_on(async {
        for syncs in [true, false] {
            let dir = tempfile::tempdir().expect("a temporary folder can be made");
            conforms(&DurableLocal::open(dir.path(), syncs).expect("it opens"), false).await;
        }
        let quiet = FaultStore { inner: Arc::new(InMemory::new()), script: Script::of(Vec::new()) };
        conforms(&quiet, true).await;
    });
}

/// Keys that must appear nowhere.
const KEY: &str = "AKIACANARYCANARY0001";
const SECRET: &str = "canary/secret+that/is/nowhere/to/be+seen";

/// A server that speaks S3 over a folder, until the test ends.
struct Server {
    port: u16,
    _runtime: tokio::runtime::Runtime,
}

fn serve(root: &Path) -> Server {
    let runtime = super::runtime();
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).expect("a folder"));
    service.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = service.build();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.set_nonblocking(true).expect("a socket can do that");
    let port = listener.local_addr().expect("it has an address").port();
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let http = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
        while let Ok((socket, _)) = listener.accept().await {
            let serving = http.serve_connection(TokioIo::new(socket), service.clone()).into_owned();
            tokio::spawn(serving);
        }
    });
    Server { port, _runtime: runtime }
}

/// Runs pie with the credentials of a server; what it told, all of it, and whether it ended well.
fn pie(server: &Server, folder: &Path, args: &[&str], secret: &str) -> (bool, String, String) {
    let folder = folder.display().to_string();
    let words: Vec<&str> = ["-C", &folder].into_iter().chain(args.iter().copied()).collect();
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    let environment = [
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_ENDPOINT", &endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ALLOW_HTTP", "true"),
        ("RUST_LOG", "trace"),
    ];
    let ended = process_with("run_pie", &words, &environment).wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ended.status.success(), text(&ended.stdout), text(&ended.stderr))
}

fn assert_no_secrets(text: &str, of: &str) {
    for secret in [KEY, SECRET] {
        assert!(!text.contains(secret), "{of} shows a secret:\n{text}");
    }
}

#[test]
fn a_project_lives_in_a_bucket() {
    let bucket = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::create_dir(bucket.path().join("warehouse")).expect("a folder can be made");
    let server = serve(bucket.path());
    let world = World::new(super::world::Backend::Memory);
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    copy_folder(world.dir.path(), dir.path());
    super::world::write(
        dir.path(),
        "pie.toml",
        "[project]\nname = \"bucket\"\n\n[store]\nurl = \"s3://warehouse/shop\"\n",
    );
    let run = |args: &[&str]| {
        let (done, out, err) = pie(&server, dir.path(), args, SECRET);
        assert_no_secrets(&format!("{out}{err}"), &format!("{args:?}"));
        assert!(done, "{args:?}\n{out}{err}");
        (out, err)
    };
    let (_, told) = run(&["build", "--freeze"]);
    assert!(told.contains("2 slices: 2 built"), "{told}");
    let shown = |text: &str| text.lines().rfind(|line| line.chars().all(|c| c.is_ascii_digit())).map(str::to_owned);
    assert_eq!(shown(run(&["show", "total", "--format", "csv"]).0.trim()).as_deref(), Some("2"));
    let (_, told) = run(&["build"]);
    assert!(told.contains("Nothing to do"), "{told}");
    super::world::write(dir.path(), "raw/002.csv", "id,amount\n2,2\n");
    run(&["build", "--freeze"]);
    assert_eq!(shown(run(&["show", "total", "--format", "csv"]).0.trim()).as_deref(), Some("6"));
    run(&["hold", "total", "--reason", "a look"]);
    run(&["release", "total"]);
    run(&["fsck", "--deep"]);
    run(&["verify"]);
    run(&["log", "total", "--format", "json"]);

    // Somebody else's key: refused, and still nothing is told of it.
    let (done, out, err) = pie(&server, dir.path(), &["build"], "another/secret+canary");
    assert!(!done && err.contains("E0601"), "{out}{err}");
    assert!(!format!("{out}{err}").contains("another/secret"), "{out}{err}");
    // Nothing that lies in the bucket has a key in it.
    let mut folders = vec![bucket.path().to_owned()];
    let mut objects = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder can be read") {
            let path = entry.expect("a folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                objects += 1;
                let bytes = std::fs::read(&path).expect("a file can be read");
                assert_no_secrets(&String::from_utf8_lossy(&bytes), &path.display().to_string());
            }
        }
    }
    assert!(objects > 10, "{objects}");
}

#[test]
fn a_secret_in_a_url_is_not_shown() {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    super::world::write(
        dir.path(),
        "pie.toml",
        "[project]\nname = \"leak\"\n\n[store]\nurl = \"s3://canaryuser:canarypassword@warehouse/shop?sig=canarysignature\"\n",
    );
    super::world::write(dir.path(), "main.pie", "domain a { owner 'x' }\npublic slice a.b { select 1 as x }\n");
    for args in [&["plan"], &["build"], &["status"], &["fsck"]] {
        let output = crate::pie::run(dir.path(), args);
        let told = format!("{}{}", output.out, output.err);
        assert_ne!(output.code, 0, "{told}");
        for secret in ["canarypassword", "canarysignature"] {
            assert!(!told.contains(secret), "{args:?}: {told}");
        }
    }
}
