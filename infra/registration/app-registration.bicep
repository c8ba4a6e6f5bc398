// The application at Entra, with no secret: the app's managed identity proves it. Apart from main.bicep, because it
// needs rights in Entra (Application Developer) and a compiler that can reach Microsoft's registry.
// https://learn.microsoft.com/graph/templates/bicep/overview-bicep-templates-for-graph
//
// Without those rights: register-app.sh does the same with the Azure CLI, run by somebody who has them.

extension microsoftGraphV1

@description('Distinguishes the registrations of several environments.')
param environmentName string

@description('Origin of the app, as main.bicep gives it out.')
param publicBaseUrl string

@description('Object id of the app\'s managed identity, as main.bicep gives it out. Entra accepts a wrong one without a word.')
param identityPrincipalId string

@description('AzureADMyOrg for mailboxes of this organisation, AzureADMultipleOrgs for those of others as well.')
@allowed(['AzureADMyOrg', 'AzureADMultipleOrgs'])
param signInAudience string = 'AzureADMyOrg'

@description('Who may administer Deskpost from the beginning: object id of a person or a group; none to assign nobody.')
param administratorId string = deployer().objectId

// Microsoft Graph, delegated. They shape the consent screen and grant nothing.
// https://learn.microsoft.com/graph/permissions-reference
var graphScopes = {
  'Mail.Read': '570282fd-fa5c-430d-a7fd-fc8dc98a9dca'
  'Mail.Read.Shared': '7b9103a5-4610-446b-9670-80643382c1fa'
  'Mail.ReadWrite': '024d486e-b451-40bb-833d-3e66d98c5c73'
  'Mail.ReadWrite.Shared': '5df07973-7d5d-46ed-9847-1271055cbd51'
  offline_access: '7427e0e9-2fba-42fe-b0c0-848c9e6a8182'
}

// Each cloud has an audience of its own: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
var federationAudience = {
  AzureCloud: 'api://AzureADTokenExchange'
  AzureUSGovernment: 'api://AzureADTokenExchangeUSGov'
  AzureChinaCloud: 'api://AzureADTokenExchangeChina'
}[environment().name]

// Of this file's own making; what counts is that it never changes.
var administratorRoleId = 'f3f4ba69-4276-47fb-85da-2932b47c5255'

resource application 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: 'deskpost-${environmentName}'
  displayName: 'Deskpost (${environmentName})'
  signInAudience: signInAudience
  web: {
    redirectUris: ['${publicBaseUrl}/api/finish-consent', '${publicBaseUrl}/api/finish-sign-in']
    // Administrators sign in by an ID token alone where the app's own credential has ended; no access token comes that way.
    implicitGrantSettings: { enableAccessTokenIssuance: false, enableIdTokenIssuance: true }
  }
  requiredResourceAccess: [
    {
      resourceAppId: '00000003-0000-0000-c000-000000000000'
      resourceAccess: [for scope in items(graphScopes): { id: scope.value, type: 'Scope' }]
    }
  ]
  appRoles: [
    {
      id: administratorRoleId
      value: 'Deskpost.Admin'
      displayName: 'Deskpost administrator'
      description: 'Adds, connects and removes mailboxes, and replays what is in quarantine'
      allowedMemberTypes: ['User']
      isEnabled: true
    }
  ]

  resource identity 'federatedIdentityCredentials' = {
    name: '${application.uniqueName}/managed-identity'
    description: 'The managed identity of the function app'
    issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
    subject: identityPrincipalId
    audiences: [federationAudience]
  }
}

resource enterpriseApplication 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: application.appId
}

// Takes more rights than registering: Cloud Application Administrator.
resource administrator 'Microsoft.Graph/appRoleAssignedTo@v1.0' = if (administratorId != 'none') {
  resourceId: enterpriseApplication.id
  principalId: administratorId
  appRoleId: administratorRoleId
}

output clientId string = application.appId
