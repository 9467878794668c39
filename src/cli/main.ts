#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { ConfigInvalid } from '../config.ts'
import { version } from '../version.gen.ts'
import { adminLinkCommand } from './admin-link.ts'
import { auditCheckpointKeyCommand } from './audit-checkpoint-key.ts'
import { auditExportCommand } from './audit-export.ts'
import { auditListCommand } from './audit-list.ts'
import { auditTailCommand } from './audit-tail.ts'
import { auditVerifyCommand } from './audit-verify.ts'
import { doctorCommand } from './doctor.ts'
import { CommandFailed } from './failure.ts'
import { initCommand } from './init.ts'
import { keysCreateCommand } from './keys-create.ts'
import { keysEditCommand } from './keys-edit.ts'
import { keysEndOverlapCommand } from './keys-end-overlap.ts'
import { keysExtendOverlapCommand } from './keys-extend-overlap.ts'
import { keysListCommand } from './keys-list.ts'
import { keysRevokeCommand } from './keys-revoke.ts'
import { keysRotateCommand } from './keys-rotate.ts'
import { keysRotationCommand } from './keys-rotation.ts'
import { keysShowCommand } from './keys-show.ts'
import { keysSnippetCommand } from './keys-snippet.ts'
import { keysUndoRotationCommand } from './keys-undo-rotation.ts'
import { managementKeysCreateCommand } from './management-keys-create.ts'
import { managementKeysListCommand } from './management-keys-list.ts'
import { managementKeysRevokeCommand } from './management-keys-revoke.ts'
import { migrateCommand } from './migrate.ts'
import { noticesAckCommand } from './notices-ack.ts'
import { noticesListCommand } from './notices-list.ts'
import { noticesTestCommand } from './notices-test.ts'
import { restoreAckCommand } from './restore-ack.ts'
import { routesCheckCommand } from './routes-check.ts'
import { serveCommand } from './serve.ts'
import { serviceUsersCreateCommand } from './service-users-create.ts'
import { serviceUsersDisableCommand } from './service-users-disable.ts'
import { serviceUsersEditCommand } from './service-users-edit.ts'
import { serviceUsersEnableCommand } from './service-users-enable.ts'
import { serviceUsersListCommand } from './service-users-list.ts'
import { shown } from './terminal.ts'
import { tickCommand } from './tick.ts'
import { tidyCommand } from './tidy.ts'

const program = new Command('postern')
  .description('The service entrance for AI agents: service keys, a gateway that checks them, and the trail.')
  .version(version)
  .option('--config <file>', 'the settings file (otherwise postern.config.ts, .js, .json or .yaml here)')
  .option('--data <directory>', 'the data directory (otherwise POSTERN_DATA, or ./.postern)')
  .addCommand(serveCommand())
  .addCommand(initCommand())
  .addCommand(
    new Command('service-users')
      .description('the named identities that keys belong to')
      .addCommand(serviceUsersCreateCommand())
      .addCommand(serviceUsersListCommand())
      .addCommand(serviceUsersEditCommand())
      .addCommand(serviceUsersDisableCommand())
      .addCommand(serviceUsersEnableCommand()),
  )
  .addCommand(
    new Command('keys')
      .description('service keys')
      .addCommand(keysCreateCommand())
      .addCommand(keysListCommand())
      .addCommand(keysShowCommand())
      .addCommand(keysEditCommand())
      .addCommand(keysSnippetCommand())
      .addCommand(keysRotateCommand())
      .addCommand(keysRotationCommand())
      .addCommand(keysEndOverlapCommand())
      .addCommand(keysExtendOverlapCommand())
      .addCommand(keysUndoRotationCommand())
      .addCommand(keysRevokeCommand()),
  )
  .addCommand(
    new Command('audit')
      .description('the trail of calls and denials')
      .addCommand(auditListCommand())
      .addCommand(auditTailCommand())
      .addCommand(auditExportCommand())
      .addCommand(auditVerifyCommand())
      .addCommand(auditCheckpointKeyCommand()),
  )
  .addCommand(
    new Command('management-keys')
      .description('keys for automation: they drive the admin API, and open no route')
      .addCommand(managementKeysCreateCommand())
      .addCommand(managementKeysListCommand())
      .addCommand(managementKeysRevokeCommand()),
  )
  .addCommand(
    new Command('admin').description('people who administer the page').addCommand(adminLinkCommand()),
  )
  .addCommand(
    new Command('notices')
      .description('what owners are told')
      .addCommand(noticesListCommand())
      .addCommand(noticesTestCommand())
      .addCommand(noticesAckCommand()),
  )
  .addCommand(new Command('routes').description('the routes of the gateway').addCommand(routesCheckCommand()))
  .addCommand(tickCommand())
  .addCommand(tidyCommand())
  .addCommand(doctorCommand())
  .addCommand(restoreAckCommand())
  .addCommand(migrateCommand())

// A reader that went away, such as `| head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

throwInsteadOfExit(program)
try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

/** Commander would exit by itself, with 1 for usage. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride().configureOutput({ outputError: (text) => fail(text.replace(/^error: /, '')) })
  for (const child of command.commands) throwInsteadOfExit(child)
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  fail(messageOf(error))
  return error instanceof CommandFailed ? error.exitCode : 1
}

function messageOf(error: unknown): string {
  if (error instanceof ConfigInvalid) return `the settings can't be used: ${error.problems.join('; ')}`
  return error instanceof Error ? error.message : String(error)
}

/** One line on stderr. A key that was pasted into an argument is not repeated. */
function fail(message: string): void {
  const line = message
    .trim()
    .replaceAll(/[a-z][a-z0-9]{1,11}_[0-9A-Za-z]{40,}/g, '…')
    .replaceAll(/\s*\n\s*/g, ' ')
  process.stderr.write(`postern: ${shown(line)}\n`)
}
