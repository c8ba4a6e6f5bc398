// What the app's identity may do: the least that works, each on the one resource that it concerns.

import { queueNames } from 'storage.bicep'

param principalId string
param storageName string
param keyVaultName string
param applicationInsightsName string

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
// npm run check:infra holds these roles against what the host and the app do with them (test/infra/check-roles.ts).
var storageRoles = [
  // Storage Blob Data Owner: the host's locks and timer status, and the package. The host asks for Owner:
  // https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  // Storage Table Data Contributor: the app's rows, and the host's diagnostic events.
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
]
// Storage Queue Data Contributor, on the two queues only. Reader, Message Processor and Message Sender together cannot
// return a failed message, nor keep one whose run takes longer than five minutes; the host then stops:
// https://github.com/MicrosoftDocs/azure-docs/issues/120932
var queueRole = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
// Key Vault Secrets Officer: refresh tokens are written, disabled and deleted. No built-in role does less of that.
var keyVaultRole = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
// Monitoring Metrics Publisher: telemetry without a key.
var applicationInsightsRole = '3913510d-42f4-4e42-8a64-420c390055eb'

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageName
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' existing = [
  for queueName in queueNames: {
    name: '${storageName}/default/${queueName}'
  }
]

resource keyVault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: keyVaultName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource onStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in storageRoles: {
    name: guid(storage.id, principalId, role)
    scope: storage
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
      principalId: principalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource onQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (queueName, index) in queueNames: {
    name: guid(queues[index].id, principalId, queueRole)
    scope: queues[index]
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', queueRole)
      principalId: principalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource onKeyVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(keyVault.id, principalId, keyVaultRole)
  scope: keyVault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultRole)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource onApplicationInsights 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(applicationInsights.id, principalId, applicationInsightsRole)
  scope: applicationInsights
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', applicationInsightsRole)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
