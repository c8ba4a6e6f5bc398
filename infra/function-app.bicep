// The function app on Flex Consumption, and all its settings.

import { CustomDomain, OptionalSettings } from 'types.bicep'

param name string
param location string
param tags object
param identityName string
param storageName string
param keyVaultName string
param applicationInsightsName string
param networkName string?
param instanceMemoryMB int
param maximumInstanceCount int
param alwaysReadyInstances int
param customDomain CustomDomain?
param entraClientId string
param entraTenant string
param desks object
param settings OptionalSettings

// One app registration per cloud: https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
var microsoftCloud = { AzureUSGovernment: 'us-gov', AzureChinaCloud: 'china' }[?environment().name] ?? 'global'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageName
}

resource keyVault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: keyVaultName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource subnet 'Microsoft.Network/virtualNetworks/subnets@2025-01-01' existing = {
  name: '${networkName ?? 'none'}/functions'
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'deskpost' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identity.id}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: networkName == null ? null : subnet.id
    // Flex Consumption refuses ftpsState: the policies below keep FTP shut.
    siteConfig: { minTlsVersion: '1.2', scmMinTlsVersion: '1.2', http20Enabled: true }
    functionAppConfig: {
      runtime: { name: 'node', version: '24' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}packages'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity.id }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances == 0
          ? []
          : [{ name: 'function:fetch-mail', instanceCount: alwaysReadyInstances }]
      }
    }
  }

  // Nobody deploys with a password.
  resource noFtp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource noBasicDeployment 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

var ownHostName = customDomain.?hostName
var publicBaseUrl = 'https://${ownHostName ?? app.properties.defaultHostName}'

// This PUT replaces the whole set: a setting made by hand elsewhere does not survive it. Flex Consumption forbids
// FUNCTIONS_WORKER_RUNTIME, WEBSITE_RUN_FROM_PACKAGE and their kin:
// https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations
resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(
    {
      // For the host. AZURE_CLIENT_ID is not set on purpose: the host would use it for every connection.
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identity.properties.clientId
      AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
      AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
      AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
      APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsights.properties.ConnectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'

      // Whatever is larger is refused by the host before the app sees it. The app's own limit for a form is 64 KiB.
      // https://learn.microsoft.com/azure/azure-functions/functions-app-settings#functions_request_body_size_limit
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1048576'

      // For Deskpost.
      PUBLIC_BASE_URL: publicBaseUrl
      KEY_VAULT_URL: keyVault.properties.vaultUri
      MANAGED_IDENTITY_CLIENT_ID: identity.properties.clientId
      MICROSOFT_CLOUD: microsoftCloud
      ENTRA_CLIENT_ID: entraClientId
      ENTRA_TENANT: entraTenant
      // Administrators come from the app's own tenant, also where mailboxes come from others.
      ADMIN_TENANT: tenant().tenantId
      DESKS: string(desks)
      PAGE_LINKS: string({
        'Application Insights': '${environment().portal}/#@${tenant().tenantId}/resource${applicationInsights.id}'
      })
    },
    settings
  )
}

resource certificate 'Microsoft.Web/certificates@2025-03-01' = if (customDomain != null) {
  name: 'cert-${name}'
  location: location
  tags: tags
  properties: {
    serverFarmId: plan.id
    keyVaultId: customDomain.?certificateVaultId
    keyVaultSecretName: customDomain.?certificateName
  }
}

resource ownHost 'Microsoft.Web/sites/hostNameBindings@2025-03-01' = if (customDomain != null) {
  parent: app
  name: ownHostName ?? 'none'
  properties: {
    siteName: app.name
    hostNameType: 'Verified'
    sslState: 'SniEnabled'
    thumbprint: certificate.?properties.thumbprint
  }
}

output publicBaseUrl string = publicBaseUrl
