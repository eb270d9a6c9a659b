#!/usr/bin/env node
// `npx yad …`: the command line, installed and built first where that is needed.
import { build, install } from './bootstrap.mjs';

install();
build();
await import('../dist/apps/cli/main.js');
