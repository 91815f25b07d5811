//! Why a passkey ceremony was refused.

use webauthn_rs::prelude::WebauthnError;

/// One reason a step, in stable words for log and audit. Never shown to the browser in detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PasskeyError {
    /// Relying party id and origin do not belong together.
    #[error("configuration")]
    Configuration,
    /// The answer cannot be read.
    #[error("malformed")]
    Malformed,
    /// The kept state cannot be read or belongs to another kind of ceremony.
    #[error("state")]
    State,
    /// The stored credential cannot be read.
    #[error("stored_credential")]
    Stored,
    /// The challenge is older than five minutes.
    #[error("expired")]
    Expired,
    /// `type` of the client data.
    #[error("type")]
    Type,
    /// Not our challenge.
    #[error("challenge")]
    Challenge,
    /// Not our origin (L1).
    #[error("origin")]
    Origin,
    /// Made in a frame of another site.
    #[error("cross_origin")]
    CrossOrigin,
    /// `rpIdHash` is another relying party's.
    #[error("rp_id")]
    RpId,
    /// Flag UP is missing.
    #[error("user_not_present")]
    UserNotPresent,
    /// Flag UV is missing (L3).
    #[error("user_not_verified")]
    UserNotVerified,
    /// The backup flags contradict each other or what was stored.
    #[error("backup_flags")]
    BackupFlags,
    /// A key or algorithm that was not offered, or a credential that was excluded: the library tells both alike, and
    /// an honest browser refuses an excluded one itself (`InvalidStateError`).
    #[error("algorithm")]
    Algorithm,
    /// The attestation statement does not hold.
    #[error("attestation")]
    Attestation,
    /// The credential id is too long, contradicts itself, or is not the stored one.
    #[error("credential")]
    Credential,
    /// No user handle, or one that is not ours.
    #[error("user_handle")]
    UserHandle,
    /// The signature does not verify.
    #[error("signature")]
    Signature,
    /// The counter did not grow: the authenticator may have been copied.
    #[error("counter")]
    Counter,
    /// A fault of ours.
    #[error("internal")]
    Internal,
}

impl From<WebauthnError> for PasskeyError {
    fn from(error: WebauthnError) -> Self {
        use WebauthnError as W;
        match error {
            W::Configuration => Self::Configuration,
            W::InvalidClientDataType => Self::Type,
            W::MismatchedChallenge | W::ChallengeNotFound => Self::Challenge,
            W::InvalidRPOrigin => Self::Origin,
            W::CredentialCrossOrigin => Self::CrossOrigin,
            W::InvalidRPIDHash => Self::RpId,
            W::UserNotPresent => Self::UserNotPresent,
            W::UserNotVerified => Self::UserNotVerified,
            W::CredentialBackupEligibilityInconsistent | W::CredentialMayNotBeHardwareBound => Self::BackupFlags,
            W::CredentialAlteredAlgFromRequest
            | W::CredentialExcludedFromRequest
            | W::CredentialInsecureCryptography
            | W::COSEKeyInvalidType
            | W::COSEKeyEDUnsupported
            | W::COSEKeyECDSAXYInvalid
            | W::COSEKeyRSANEInvalid
            | W::COSEKeyECDSAInvalidCurve
            | W::COSEKeyEDDSAXInvalid
            | W::COSEKeyEDDSAInvalidCurve
            | W::COSEKeyInvalidAlgorithm => Self::Algorithm,
            W::AttestationNotSupported
            | W::AttestationStatementSigInvalid
            | W::AttestationStatementAlgMismatch
            | W::AttestationStatementMapInvalid
            | W::MissingAttestationCredentialData => Self::Attestation,
            W::CredentialNotFound => Self::Credential,
            W::InvalidUserUniqueId => Self::UserHandle,
            W::AuthenticationFailure | W::SignatureInvalid => Self::Signature,
            W::CredentialPossibleCompromise => Self::Counter,
            _ => Self::Malformed,
        }
    }
}
