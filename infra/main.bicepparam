// For development and first steps; azd fills in the environment's values. Production: production.bicepparam.
using 'main.bicep'

var existingClientId = readEnvironmentVariable('ENTRA_EXISTING_CLIENT_ID', '')

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'deskpost')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param entraClientId = empty(existingClientId) ? readEnvironmentVariable('ENTRA_CLIENT_ID', '') : existingClientId
param otherOrganisations = readEnvironmentVariable('OTHER_ORGANISATIONS', 'false') == 'true'
param desks = json(readEnvironmentVariable('DESKS', '{"support":{"kind":"uvdesk","url":"https://desk.example.com"}}'))
param alertEmail = readEnvironmentVariable('ALERT_EMAIL', '')
param runbookUrl = readEnvironmentVariable('RUNBOOK_URL', 'infra/runbook.md')
