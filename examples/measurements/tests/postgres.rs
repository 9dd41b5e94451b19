//! The same on `PostgreSQL`. For a database of your choice, in which a schema is made and dropped:
//!
//! ```console
//! $ UPBEAT_TEST_POSTGRES=postgres://user@localhost/name cargo test -p upbeat-measurements --test postgres -- --ignored
//! ```

mod common;

use common::{Server, assert_same, bytes, entries, folder, lines, plain};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use upbeat_examples::program::{Program, example};
use upbeat_measurements::{
    FaultCode,
    connect::{self, ConnectError},
    generate,
};

const ROWS: u64 = 30_000;
const ALL: f64 = f64::NEG_INFINITY;

fn start(url: &str, rows: u64) -> Server {
    let mut command = example("measurements");
    command.args(["--database", url, "--diagnostics", "127.0.0.1:0", "--rows", &rows.to_string()]);
    Server::listening(Program::spawn(&mut command), folder())
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server, in UPBEAT_TEST_POSTGRES"]
async fn it_is_the_same_on_postgres() {
    let url = std::env::var("UPBEAT_TEST_POSTGRES").expect("UPBEAT_TEST_POSTGRES says where");
    let schema = format!("upbeat_test_{}", std::process::id());
    let mut other = PgConnection::connect(&url).await.expect("connects");
    other.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.expect("a schema of our own");
    let mark = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{mark}options=-c%20search_path%3D{schema}");

    let server = start(&url, ROWS);
    assert_same(&entries(&server.http("")).await, &plain(0, ROWS, ALL, 1, ALL));
    let query = "?min=15&window=60&above=20.5";
    assert_same(&entries(&server.ws(query)).await, &plain(0, ROWS, 15.0, 60, 20.5));
    assert!(bytes(&server.http(query)).await == bytes(&server.ws(query)).await);

    // Somebody else's lock.
    let mut transaction = other.begin().await.expect("begun");
    let lock = format!("LOCK TABLE {schema}.measurement IN ACCESS EXCLUSIVE MODE");
    transaction.execute(AssertSqlSafe(lock)).await.expect("locked");
    let refused = connect::bytes(&server.http("")).await.err();
    assert!(matches!(&refused, Some(ConnectError::Refused { status: 503, .. })), "{refused:?}");
    transaction.rollback().await.expect("unlocked");

    // Values that JSON could not write.
    let time = generate::time(ROWS).millis();
    let insert = format!("INSERT INTO {schema}.measurement VALUES ({time}, 'NaN'), ({}, '-Infinity')", time + 1);
    other.execute(AssertSqlSafe(insert)).await.expect("inserted");
    let tail = entries(&server.http(&format!("?from={}", generate::time(ROWS)))).await;
    assert_eq!(tail.len(), 2);
    assert!(tail.iter().all(|entry| entry.as_ref().is_err_and(|fault| fault.code == FaultCode::BadRow)), "{tail:?}");

    // Connections that the database has closed are replaced.
    let kick =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = user";
    other.execute(kick).await.expect("kicked");
    assert_eq!(lines(&bytes(&server.http("?to=2026-01-01T00:00:10Z")).await), 10);

    let (ended, _) = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let (ended, _) = start(&url, 5).stop();
    assert!(ended.said.contains("the database has rows already"), "{}", ended.said);
    other.execute(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).await.expect("dropped");
}
