//! Stands where no register is configured: it never says yes and never says no, so accounts wait.

use super::{
    OrganizationAnswer, OrganizationQuery, OrganizationRegister, Outage, PopulationAnswer, PopulationQuery,
    PopulationRegister, RegisterError,
};
use crate::identity::OrganizationKind;
use async_trait::async_trait;
use std::time::Duration;
use uuid::Uuid;

/// No register is connected.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unconnected;

const NOT_CONNECTED: RegisterError =
    RegisterError::Unavailable { cause: Outage::Unreachable, retry_after: Some(Duration::from_secs(3600)) };

#[async_trait]
impl PopulationRegister for Unconnected {
    async fn look_up(&self, _: &PopulationQuery) -> Result<PopulationAnswer, RegisterError> {
        Err(NOT_CONNECTED)
    }

    async fn health(&self, _: Uuid) -> Result<(), RegisterError> {
        Err(NOT_CONNECTED)
    }
}

#[async_trait]
impl OrganizationRegister for Unconnected {
    async fn look_up_organization(&self, _: &OrganizationQuery) -> Result<OrganizationAnswer, RegisterError> {
        Err(NOT_CONNECTED)
    }

    async fn health(&self, _: OrganizationKind, _: Uuid) -> Result<(), RegisterError> {
        Err(NOT_CONNECTED)
    }

    fn is_connected(&self) -> bool {
        false
    }
}
