//! Tests of the page in a browser.

use serde_json::json;
use thirtyfour::error::WebDriverResult;

use crate::{
    server::{Server, UNLIMITED},
    webdriver::{Page, browse},
};

/// Markup with visible effects if it were inserted into the page.
const MARKUP: &str =
    r#"<img src=x onerror="document.title='owned'"><script>document.title='owned'</script> & <b>bold</b>"#;

#[tokio::test(flavor = "multi_thread")]
async fn two_pages_talk_and_markup_stays_text() {
    let server = Server::start(&[]);
    browse(server.address, async |ada: Page| {
        ada.joins_as("Ada").await?;
        browse(server.address, async |bob: Page| {
            bob.joins_as("Bob").await?;
            ada.says("hello, Bob").await?;
            bob.shows("#log li .text", "hello, Bob").await?;
            bob.shows("#log li .head b", "Ada").await?;
            bob.says(MARKUP).await?;
            for page in [&ada, &bob] {
                page.shows("#log li .text", MARKUP).await?;
                assert_eq!(page.evaluate("return document.title").await?, "Chat");
                assert_eq!(page.evaluate("return document.querySelectorAll('#log :is(img, script, .text b)').length").await?, 0);
            }
            // Each page marks its own messages, and shows the time of the server.
            ada.shows("#log li.own .text", "hello, Bob").await?;
            bob.shows("#log li.own .text", MARKUP).await?;
            let recent = "return [...document.querySelectorAll('#log time')].every(time => Math.abs(Date.now() - new Date(time.dateTime)) < 600000)";
            assert_eq!(ada.evaluate(recent).await?, true);
            // A number is added to a name that is taken, so that names are unique.
            let mut eve = server.join("Ada").await;
            eve.say("I am Ada, too").await;
            bob.shows("#log li .head b", "Ada (2)").await?;
            assert_eq!(bob.evaluate("return [...document.querySelectorAll('input')].every(input => input.labels.length)").await?, true);
            check_schemes(&bob).await
        })
        .await;
        Ok(())
    })
    .await;
}

/// Checks the backgrounds of both color schemes, and takes screenshots.
async fn check_schemes(page: &Page) -> WebDriverResult<()> {
    let mut backgrounds = Vec::new();
    for scheme in ["light", "dark"] {
        page.prefers(scheme).await?;
        backgrounds.push(page.evaluate("return getComputedStyle(document.body).backgroundColor").await?);
        page.picture(scheme).await?;
    }
    assert_eq!(backgrounds, [json!("rgb(255, 255, 255)"), json!("rgb(22, 24, 29)")]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_reconnects_to_a_restarted_room() {
    let server = Server::start(&[]);
    let address = server.address.to_string();
    browse(server.address, async |page: Page| {
        page.joins_as("Ada").await?;
        page.says("before").await?;
        page.shows("#log li .text", "before").await?;
        page.picture("connected").await?;

        let ended = tokio::task::spawn_blocking(|| server.program.stop()).await.expect("no panic");
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let state = page.find("#state[data-state=waiting]").await?.text().await?;
        assert!(state.contains("reconnecting in"), "{state}");
        // Text that is typed meanwhile is kept.
        page.says("are you there?").await?;
        page.shows("#problem", "Not sent: not connected. The text is kept.").await?;
        page.picture("waiting").await?;

        let server = Server::start_at(&address, &[]);
        page.find("#state[data-state=connected]").await?;
        page.shows("#log li.note", "Reconnected. Messages sent meanwhile are missing.").await?;
        page.shows("#self", "Ada").await?;
        page.says("").await?;
        page.shows("#log li.own .text", "are you there?").await?;
        drop(server);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_reason_of_a_rejection() {
    let server = Server::start(&["--rate", "1", "--burst", "2"]);
    browse(server.address, async |page: Page| {
        page.picture("name").await?;
        page.types("A\u{202e}da").await?;
        page.says("").await?;
        page.shows("#state", "Not admitted: name has invisible characters").await?;
        page.evaluate("document.querySelector('#name').value = ''").await?;
        page.joins_as("Ada").await?;
        for text in ["one", "two", "three"] {
            page.says(text).await?;
        }
        page.shows("#problem", "Not sent: too fast: at most 1 messages a minute").await?;
        assert_eq!(page.evaluate("return document.querySelector('#text').value").await?, "three", "the text is kept");
        page.picture("rejected").await?;
        // More rejections at once than the room allows.
        page.evaluate(
            "for (let number = 0; number < 30; number++) {
                document.querySelector('#text').value = 'more';
                document.querySelector('#say').requestSubmit();
            }",
        )
        .await?;
        page.shows("#state", "Disconnected: too many messages rejected").await?;
        page.find("#retry").await?.click().await?;
        page.find("#state[data-state=connected]").await.map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_scrolls_with_the_conversation() {
    // On a busy machine a browser may be more than ten messages behind.
    let server = Server::start(&[&UNLIMITED[..], &["--buffer", "100"]].concat());
    browse(server.address, async |page: Page| {
        page.joins_as("Ada").await?;
        let mut bob = server.join("Bob").await;
        for number in 0..60 {
            bob.say(&format!("line {number}")).await;
            bob.message().await;
        }
        page.shows("#log li .text", "line 59").await?;
        let distance =
            "const log = document.querySelector('#log'); return log.scrollHeight - log.scrollTop - log.clientHeight";
        assert!(page.evaluate(distance).await?.as_f64().expect("a number") < 5.0, "not at the end");
        // A page that is scrolled up does not move.
        page.evaluate("document.querySelector('#log').scrollTop = 0").await?;
        bob.say("one more").await;
        page.shows("#log li .text", "one more").await?;
        assert_eq!(page.evaluate("return document.querySelector('#log').scrollTop").await?, 0);
        Ok(())
    })
    .await;
}
