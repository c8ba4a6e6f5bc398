// The whole of Deskpost in a subscription: a resource group, and everything in it. `azd up` deploys this file.
// With rights on one resource group only, deploy deskpost.bicep into it: README.md shows how.
targetScope = 'subscription'

import { CustomDomain, OptionalSettings } from 'types.bicep'

@description('Name of the environment; the names of the resources are derived from it.')
@minLength(1)
@maxLength(24)
param environmentName string

@description('Azure region. Flex Consumption is not in all of them: az functionapp list-flexconsumption-locations')
param location string

@description('Resource group to create or use.')
param resourceGroupName string = 'rg-${environmentName}'

@description('Application (client) id of the app registration. Empty before the first registration.')
param entraClientId string = ''

@description('True lets mailboxes of other organisations connect, too.')
param otherOrganisations bool = false

@description('Desks by name, as in the setting DESKS.')
param desks object

@description('Who is told by mail when an alert fires. Empty: alerts show in the portal only.')
param alertEmail string = ''

@description('Where runbook.md can be read; alerts link to its sections.')
param runbookUrl string = 'infra/runbook.md'

@description('True for production: purge protection, and soft delete for 90 days instead of 7.')
param production bool = false

@description('Further app settings, such as { FETCH_CONCURRENCY: \'8\' }.')
param settings OptionalSettings = {}

@description('512, 2048 or 4096 MB each instance.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 512

@description('At most so many instances at once.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances of fetch-mail that are always ready. 0: it starts from nothing each time.')
@minValue(0)
param alwaysReadyInstances int = 0

@description('True puts the app behind a NAT gateway with one fixed outgoing address.')
param fixedOutgoingAddress bool = false

@description('A custom domain with its certificate in a Key Vault; see function-app.bicep. None: the host name that Azure gives.')
param customDomain CustomDomain?

var tags = { 'azd-env-name': environmentName, application: 'deskpost' }

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: resourceGroupName
  location: location
  tags: tags
}

module deskpost 'deskpost.bicep' = {
  scope: group
  params: {
    environmentName: environmentName
    location: location
    tags: tags
    entraClientId: entraClientId
    otherOrganisations: otherOrganisations
    desks: desks
    alertEmail: alertEmail
    runbookUrl: runbookUrl
    production: production
    settings: settings
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    fixedOutgoingAddress: fixedOutgoingAddress
    customDomain: customDomain
  }
}

// azd keeps these in the environment's .env; the hooks and workflows read them there.
output AZURE_RESOURCE_GROUP string = group.name
output FUNCTION_APP_NAME string = deskpost.outputs.functionAppName
output PUBLIC_BASE_URL string = deskpost.outputs.publicBaseUrl
output IDENTITY_PRINCIPAL_ID string = deskpost.outputs.identityPrincipalId
output KEY_VAULT_NAME string = deskpost.outputs.keyVaultName
output OUTGOING_ADDRESS string = deskpost.outputs.outgoingAddress
