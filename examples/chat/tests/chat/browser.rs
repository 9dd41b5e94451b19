//! The page in a real browser.

use serde_json::json;
use thirtyfour::error::WebDriverResult;

use crate::{
    server::{Server, UNLIMITED},
    webdriver::{Page, browse},
};

/// What would show if any of it became part of the page.
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
            // Each sees what is its own, and when it came by the server's clock.
            ada.shows("#log li.own .text", "hello, Bob").await?;
            bob.shows("#log li.own .text", MARKUP).await?;
            let recent = "return [...document.querySelectorAll('#log time')].every(time => Math.abs(Date.now() - new Date(time.dateTime)) < 600000)";
            assert_eq!(ada.evaluate(recent).await?, true);
            // A name that is taken gets a number, so that nobody speaks as another.
            let mut eve = server.join("Ada").await;
            eve.say("I am Ada, too").await;
            bob.shows("#log li .head b", "Ada (2)").await?;
            assert_eq!(bob.evaluate("return [...document.querySelectorAll('input')].every(input => input.labels.length)").await?, true);
            look(&bob).await
        })
        .await;
        Ok(())
    })
    .await;
}

/// The page in both colour schemes: they differ, and for those who want to see them there are pictures.
async fn look(page: &Page) -> WebDriverResult<()> {
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        page.prefers(scheme).await?;
        grounds.push(page.evaluate("return getComputedStyle(document.body).backgroundColor").await?);
        page.picture(scheme).await?;
    }
    assert_eq!(grounds, [json!("rgb(255, 255, 255)"), json!("rgb(22, 24, 29)")]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_back_when_the_room_does() {
    let server = Server::start(&[]);
    let address = server.address.to_string();
    browse(server.address, async |page: Page| {
        page.joins_as("Ada").await?;
        page.says("before").await?;
        page.shows("#log li .text", "before").await?;
        page.picture("connected").await?;

        let ended = tokio::task::spawn_blocking(|| server.program.stop()).await.expect("no panic");
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        let state = page.find("#state[data-state=waiting]").await?.text().await?;
        assert!(state.contains("trying again in"), "{state}");
        // What is typed meanwhile is not lost.
        page.says("are you there?").await?;
        page.shows("#problem", "Not sent: there is no connection just now. Your text is kept.").await?;
        page.picture("waiting").await?;

        let server = Server::start_at(&address, &[]);
        page.find("#state[data-state=connected]").await?;
        page.shows("#log li.note", "Connected again. What was said in between is not here.").await?;
        page.shows("#self", "Ada").await?;
        page.says("").await?;
        page.shows("#log li.own .text", "are you there?").await?;
        drop(server);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_what_was_refused_and_why() {
    let server = Server::start(&["--rate", "1", "--burst", "2"]);
    browse(server.address, async |page: Page| {
        page.picture("name").await?;
        page.types("A\u{202e}da").await?;
        page.says("").await?;
        page.shows("#state", "Not admitted: a name consists of visible characters").await?;
        page.evaluate("document.querySelector('#name').value = ''").await?;
        page.joins_as("Ada").await?;
        for text in ["one", "two", "three"] {
            page.says(text).await?;
        }
        page.shows("#problem", "Not sent: too fast: at most 1 messages a minute").await?;
        assert_eq!(
            page.evaluate("return document.querySelector('#text').value").await?,
            "three",
            "it need not be typed again"
        );
        page.picture("refused").await?;
        // More than the room has patience for, all at once.
        page.evaluate(
            "for (let number = 0; number < 30; number++) {
                document.querySelector('#text').value = 'more';
                document.querySelector('#say').requestSubmit();
            }",
        )
        .await?;
        page.shows("#state", "Disconnected: too many of your messages were refused").await?;
        page.find("#retry").await?.click().await?;
        page.find("#state[data-state=connected]").await.map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_follows_the_conversation() {
    // On a busy machine a browser may be more than ten messages behind.
    let server = Server::start(&[&UNLIMITED[..], &["--buffer", "100"]].concat());
    browse(server.address, async |page: Page| {
        page.joins_as("Ada").await?;
        let mut bob = server.join("Bob").await;
        for number in 0..60 {
            bob.say(&format!("line {number}")).await;
            bob.hears().await;
        }
        page.shows("#log li .text", "line 59").await?;
        let distance =
            "const log = document.querySelector('#log'); return log.scrollHeight - log.scrollTop - log.clientHeight";
        assert!(page.evaluate(distance).await?.as_f64().expect("a number") < 5.0, "at the end");
        // Whoever has scrolled up to read is left where they are.
        page.evaluate("document.querySelector('#log').scrollTop = 0").await?;
        bob.say("one more").await;
        page.shows("#log li .text", "one more").await?;
        assert_eq!(page.evaluate("return document.querySelector('#log').scrollTop").await?, 0);
        Ok(())
    })
    .await;
}
