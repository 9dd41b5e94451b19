//! The data of the dashboard and of its back ends.

use serde::{Deserialize, Serialize, Serializer};

/// A user.
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

/// A payment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Transaction {
    /// The time in seconds since 1970.
    pub(crate) time: u64,
    pub(crate) source: String,
    pub(crate) cents: i64,
}

/// The recommendations for a user, or the default ones.
#[derive(Debug, Serialize)]
pub(crate) struct Recommendations {
    pub(crate) items: Vec<String>,
    /// The reason for default recommendations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) degraded: Option<&'static str>,
}

/// A piece of the answer: the result of one request to the back ends.
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

/// The answer, which is serialized as an object of its pieces.
#[derive(Debug)]
pub(crate) struct Dashboard(pub(crate) Vec<Piece>);

impl Serialize for Dashboard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|piece| (piece.name(), piece)))
    }
}
