// Everything that Deskpost needs, in one resource group. Parameters: see main.bicep.

import { CustomDomain, OptionalSettings } from 'types.bicep'

param environmentName string
param location string = resourceGroup().location
param tags object = { application: 'deskpost' }
param entraClientId string = ''
param otherOrganisations bool = false
param desks object
param alertEmail string = ''
param runbookUrl string = 'infra/runbook.md'
param production bool = false
param settings OptionalSettings = {}
param instanceMemoryMB int = 512
param maximumInstanceCount int = 40
param alwaysReadyInstances int = 0
param fixedOutgoingAddress bool = false
param customDomain CustomDomain?

// Storage accounts and vaults have names that are unique in the world, and at most 24 characters. The modules get names
// and not each other's outputs, so that what-if can look into them.
var token = take(uniqueString(subscription().id, resourceGroup().id, environmentName), 10)
var identityName = 'id-deskpost-${token}'
var storageName = 'stdeskpost${token}'
var keyVaultName = 'kv-deskpost-${token}'
var functionAppName = 'func-deskpost-${token}'
var workspaceName = 'log-deskpost-${token}'
var applicationInsightsName = 'appi-deskpost-${token}'
var networkName = 'vnet-deskpost-${token}'
var actionGroupName = 'ag-deskpost-${token}'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: identityName
  location: location
  tags: tags
}

module monitoring 'monitoring.bicep' = {
  params: {
    workspaceName: workspaceName
    applicationInsightsName: applicationInsightsName
    actionGroupName: actionGroupName
    location: location
    tags: tags
    alertEmail: alertEmail
  }
}

module storage 'storage.bicep' = {
  params: { name: storageName, location: location, tags: tags, workspaceName: workspaceName }
  dependsOn: [monitoring]
}

module keyVault 'key-vault.bicep' = {
  params: { name: keyVaultName, location: location, tags: tags, production: production, workspaceName: workspaceName }
  dependsOn: [monitoring]
}

module roles 'roles.bicep' = {
  params: {
    principalId: identity.properties.principalId
    storageName: storageName
    keyVaultName: keyVaultName
    applicationInsightsName: applicationInsightsName
  }
  dependsOn: [storage, keyVault, monitoring]
}

module network 'network.bicep' = if (fixedOutgoingAddress) {
  params: { name: networkName, location: location, tags: tags }
}

module functionApp 'function-app.bicep' = {
  params: {
    name: functionAppName
    location: location
    tags: tags
    identityName: identityName
    storageName: storageName
    keyVaultName: keyVaultName
    applicationInsightsName: applicationInsightsName
    networkName: fixedOutgoingAddress ? networkName : null
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    customDomain: customDomain
    entraClientId: entraClientId
    entraTenant: otherOrganisations ? '' : tenant().tenantId
    desks: desks
    settings: settings
  }
  // Without its roles the app cannot read its own package:
  // https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
  dependsOn: [roles, network]
}

module alerts 'alerts.bicep' = {
  params: {
    location: location
    tags: tags
    workspaceName: workspaceName
    applicationInsightsName: applicationInsightsName
    actionGroupName: actionGroupName
    functionAppName: functionAppName
    ownHostName: customDomain.?hostName
    runbookUrl: runbookUrl
    longestQuietMinutes: int(settings.?FETCH_LONGEST_QUIET_MINUTES ?? '0')
  }
  dependsOn: [functionApp]
}

module workbook 'workbook.bicep' = {
  params: { location: location, tags: tags, workspaceName: workspaceName }
  dependsOn: [monitoring]
}

output functionAppName string = functionAppName
output publicBaseUrl string = functionApp.outputs.publicBaseUrl
output identityPrincipalId string = identity.properties.principalId
output keyVaultName string = keyVaultName
output outgoingAddress string = network.?outputs.address ?? ''
