import type { CommandDefinition } from '#platform/kernel/command.js';
import { addContactPoint } from './add-contact-point.command.js';
import { archiveContact } from './archive-contact.command.js';
import { assignOwner } from './assign-owner.command.js';
import { blockContact } from './block-contact.command.js';
import { changeLifecycleStage } from './change-lifecycle-stage.command.js';
import { dismissDuplicate } from './dismiss-duplicate.command.js';
import { importExternalFacts } from './import-external-facts.command.js';
import { linkIdentity } from './link-identity.command.js';
import { mergeContacts } from './merge-contacts.command.js';
import { notePurchases } from './note-purchases.command.js';
import { registerContact } from './register-contact.command.js';
import { relateContacts } from './relate-contacts.command.js';
import { removeContactPoint } from './remove-contact-point.command.js';
import { restoreContact } from './restore-contact.command.js';
import { setAttribute } from './set-attribute.command.js';
import { tagContact } from './tag-contact.command.js';
import { unmergeContacts } from './unmerge-contacts.command.js';
import { unrelateContacts } from './unrelate-contacts.command.js';
import { untagContact } from './untag-contact.command.js';
import { updateContactDetails } from './update-contact-details.command.js';
import { verifyContactPoint } from './verify-contact-point.command.js';

export const contactAggregateCommands: CommandDefinition[] = [
  registerContact,
  updateContactDetails,
  addContactPoint,
  verifyContactPoint,
  removeContactPoint,
  linkIdentity,
  assignOwner,
  tagContact,
  untagContact,
  setAttribute,
  importExternalFacts,
  relateContacts,
  unrelateContacts,
  mergeContacts,
  unmergeContacts,
  dismissDuplicate,
  blockContact,
  archiveContact,
  restoreContact,
  changeLifecycleStage,
  notePurchases,
];
