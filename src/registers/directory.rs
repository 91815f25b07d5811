//! Two registers of organizations behind one door: enterprises by tax code, state bodies by agency code.

use super::error::RegisterError;
use super::port::{OrganizationAnswer, OrganizationQuery, OrganizationRegister};
use crate::identity::{OrganizationCode, OrganizationKind};
use async_trait::async_trait;
use std::sync::Arc;
use uuid::Uuid;

/// Asks the register that a code belongs to.
pub struct OrganizationDirectory {
    /// Enterprises and their dependent units.
    pub enterprises: Arc<dyn OrganizationRegister>,
    /// State bodies and others with an agency code.
    pub agencies: Arc<dyn OrganizationRegister>,
}

#[async_trait]
impl OrganizationRegister for OrganizationDirectory {
    async fn look_up_organization(&self, query: &OrganizationQuery) -> Result<OrganizationAnswer, RegisterError> {
        match query.code {
            OrganizationCode::Tax(_) => self.enterprises.look_up_organization(query).await,
            OrganizationCode::Agency(_) => self.agencies.look_up_organization(query).await,
        }
    }

    async fn health(&self, kind: OrganizationKind, request_id: Uuid) -> Result<(), RegisterError> {
        match kind {
            OrganizationKind::Enterprise | OrganizationKind::DependentUnit => {
                self.enterprises.health(kind, request_id).await
            }
            OrganizationKind::StateBody => self.agencies.health(kind, request_id).await,
        }
    }

    fn is_connected(&self) -> bool {
        self.enterprises.is_connected() || self.agencies.is_connected()
    }
}
