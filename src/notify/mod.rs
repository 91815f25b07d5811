//! Messages that leave: SMS, voice, e-mail, back-channel logout.

mod backchannel;
mod http_gateway;
mod message;
mod outbound;
mod retry;
mod smtp;

pub use backchannel::{BackchannelLogout, Delivered};
pub use http_gateway::{HttpGateway, HttpGatewaySettings};
pub use message::{MessageKind, MessageSender, OutgoingMessage, SendError};
pub use outbound::{DeliveryError, OutboundClient, OutboundPolicy, Reply, is_public};
pub use retry::next_attempt;
pub use smtp::{Smtp, SmtpSettings, SmtpTls};
