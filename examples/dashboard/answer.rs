//! What the dashboard answers with, and its back ends too.

use serde::{Deserialize, Serialize, Serializer};

/// Who somebody is.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) full_name: String,
}

/// An account.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Account {
    pub(crate) number: String,
    pub(crate) cents: i64,
}

/// Something that was paid or received.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Transaction {
    /// Seconds since 1970.
    pub(crate) time: u64,
    pub(crate) source: String,
    pub(crate) cents: i64,
}

/// What somebody may like: theirs, or what everybody may like.
#[derive(Debug, Serialize)]
pub(crate) struct Recommendations {
    pub(crate) items: Vec<String>,
    /// Why these are not theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) degraded: Option<&'static str>,
}

/// One part of the answer: what one question to the back ends brings.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Piece {
    User(User),
    Accounts(Vec<Account>),
    Recommendations(Recommendations),
    Transactions(Vec<Transaction>),
}

impl Piece {
    fn name(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Accounts(_) => "accounts",
            Self::Recommendations(_) => "recommendations",
            Self::Transactions(_) => "transactions",
        }
    }
}

/// The answer: an object of its pieces.
#[derive(Debug)]
pub(crate) struct Dashboard(pub(crate) Vec<Piece>);

impl Serialize for Dashboard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|piece| (piece.name(), piece)))
    }
}
