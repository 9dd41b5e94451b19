//! Tests with `PostgreSQL`. They create and drop a schema in the given database:
//!
//! ```console
//! $ UPBEAT_TEST_POSTGRES=postgres://user@localhost/name cargo test -p upbeat-measurements postgres -- --ignored
//! ```

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use upbeat_examples::program::{Program, example};
use upbeat_measurements::{
    FaultCode,
    connect::{self, ConnectError},
    generate,
};

use crate::server::{Server, assert_same, bytes, entries, expected, folder, lines};

const ROWS: u64 = 30_000;
const ALL: f64 = f64::NEG_INFINITY;

fn start(url: &str, rows: u64) -> Server {
    let mut command = example("measurements");
    command.args(["--database", url, "--diagnostics", "127.0.0.1:0", "--rows", &rows.to_string()]);
    Server::listening(Program::spawn(&mut command), folder())
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server, in UPBEAT_TEST_POSTGRES"]
async fn postgres_gives_the_same_rows() {
    let url = std::env::var("UPBEAT_TEST_POSTGRES").expect("UPBEAT_TEST_POSTGRES is set");
    let schema = format!("upbeat_test_{}", std::process::id());
    let mut other = PgConnection::connect(&url).await.expect("connects");
    other.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.expect("a schema");
    let mark = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{mark}options=-c%20search_path%3D{schema}");

    let server = start(&url, ROWS);
    assert_same(&entries(&server.http("")).await, &expected(0, ROWS, ALL, 1, ALL));
    let query = "?min=15&window=60&above=20.5";
    assert_same(&entries(&server.ws(query)).await, &expected(0, ROWS, 15.0, 60, 20.5));
    assert!(bytes(&server.http(query)).await == bytes(&server.ws(query)).await);

    // Another transaction holds a lock.
    let mut transaction = other.begin().await.expect("begun");
    let lock = format!("LOCK TABLE {schema}.measurement IN ACCESS EXCLUSIVE MODE");
    transaction.execute(AssertSqlSafe(lock)).await.expect("locked");
    let error = connect::bytes(&server.http("")).await.err();
    assert!(matches!(&error, Some(ConnectError::Status { status: 503, .. })), "{error:?}");
    transaction.rollback().await.expect("unlocked");

    // Values that JSON cannot represent.
    let time = generate::time(ROWS).millis();
    let insert = format!("INSERT INTO {schema}.measurement VALUES ({time}, 'NaN'), ({}, '-Infinity')", time + 1);
    other.execute(AssertSqlSafe(insert)).await.expect("inserted");
    let tail = entries(&server.http(&format!("?from={}", generate::time(ROWS)))).await;
    assert_eq!(tail.len(), 2);
    assert!(tail.iter().all(|entry| entry.as_ref().is_err_and(|fault| fault.code == FaultCode::BadRow)), "{tail:?}");

    // Connections that the database closes are replaced.
    let terminate =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = user";
    other.execute(terminate).await.expect("terminated");
    assert_eq!(lines(&bytes(&server.http("?to=2026-01-01T00:00:10Z")).await), 10);

    let (ended, _) = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (ended, _) = start(&url, 5).stop();
    assert!(ended.stderr.contains("database unchanged, as it has rows already"), "{}", ended.stderr);
    other.execute(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).await.expect("dropped");
}
