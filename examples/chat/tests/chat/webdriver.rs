//! A browser, and the actions of a user on the page.

use std::{net::SocketAddr, path::PathBuf, process::Stdio, time::Duration};

use serde_json::json;
use tempfile::TempDir;
use thirtyfour::prelude::*;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::server::TIMEOUT;

/// The flags of Chromium: it shows no window, contacts no other server, and runs in a container.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=900,700",
];

const MISSING: &str = "failed to start chromedriver. This test needs Chromium and its driver: run `cargo xtask browser` on a \
                       system with apt-get, elsewhere install the packages `chromium` and `chromium-driver`";

/// A page of the room in its own browser.
pub(crate) struct Page {
    driver: WebDriver,
}

/// Opens the room in a browser with an empty profile, runs `then`, and closes the browser, also
/// after a failure.
pub(crate) async fn browse<F: Future<Output = WebDriverResult<()>>>(address: SocketAddr, then: impl FnOnce(Page) -> F) {
    // The driver is killed and the profile removed when these are dropped, in this order.
    let profile = TempDir::new().expect("a folder");
    let (url, _chromedriver) = chromedriver().await;
    let mut capabilities = DesiredCapabilities::chrome();
    for flag in FLAGS {
        capabilities.add_arg(flag).expect("text");
    }
    capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display())).expect("text");
    let driver = WebDriver::new(url, capabilities).await.expect("a browser");
    driver
        .run_and_quit(async move |driver| {
            driver.goto(format!("http://{address}/")).await?;
            then(Page { driver }).await
        })
        .await
        .expect("the actions succeed");
}

/// Starts a driver on a free port, which it prints to its standard output.
async fn chromedriver() -> (String, Child) {
    let mut command = Command::new("chromedriver");
    command.arg("--port=0").stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{MISSING} ({error})"));
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    loop {
        let line = lines.next_line().await.expect("text").expect(MISSING);
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            let url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
            // The pipe must stay open for later output.
            child.stdout = Some(lines.into_inner().into_inner());
            return (url, child);
        }
    }
}

impl Page {
    /// Waits for a visible element of this selector.
    pub(crate) async fn find(&self, css: &str) -> WebDriverResult<WebElement> {
        self.driver.query(By::Css(css)).wait(TIMEOUT, POLL).and_displayed().first().await
    }

    /// Waits until an element of this selector has exactly this text.
    pub(crate) async fn shows(&self, css: &str, text: &str) -> WebDriverResult<()> {
        let text = text.to_owned();
        self.driver.query(By::Css(css)).wait(TIMEOUT, POLL).with_text(text).first().await.map(drop)
    }

    /// Types into the element that has the focus.
    pub(crate) async fn types(&self, keys: &str) -> WebDriverResult<()> {
        self.driver.action_chain().send_keys(keys).perform().await
    }

    /// Waits for the form, and joins under this name.
    pub(crate) async fn joins_as(&self, name: &str) -> WebDriverResult<()> {
        self.focused("name").await?;
        self.types(&format!("{name}{}", Key::Enter.value())).await?;
        self.find("#state[data-state=connected]").await?;
        self.focused("text").await
    }

    /// Sends a message from the input field that has the focus.
    pub(crate) async fn says(&self, text: &str) -> WebDriverResult<()> {
        self.types(&format!("{text}{}", Key::Enter.value())).await
    }

    /// Waits until this element has the focus.
    async fn focused(&self, id: &str) -> WebDriverResult<()> {
        self.find(&format!("#{id}:focus")).await.map(drop)
    }

    /// Returns the value of a script.
    pub(crate) async fn evaluate(&self, script: &str) -> WebDriverResult<serde_json::Value> {
        Ok(self.driver.execute(script, Vec::new()).await?.json().clone())
    }

    /// Makes the browser prefer `light` or `dark`.
    pub(crate) async fn prefers(&self, scheme: &str) -> WebDriverResult<()> {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.driver.cdp().send_raw("Emulation.setEmulatedMedia", features).await.map(drop)
    }

    /// Saves a screenshot in the folder that `UPBEAT_SCREENSHOTS` names, if it is set.
    pub(crate) async fn picture(&self, name: &str) -> WebDriverResult<()> {
        let Some(folder) = std::env::var_os("UPBEAT_SCREENSHOTS").map(PathBuf::from) else { return Ok(()) };
        self.driver.screenshot(&folder.join(name).with_extension("png")).await
    }
}

const POLL: Duration = Duration::from_millis(50);
