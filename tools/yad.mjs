#!/usr/bin/env -S node --max-semi-space-size=64 --max-old-space-size=1536
// `npx yad …`: the command line, installed and built first where that is needed.
import { build, install } from './bootstrap.mjs';

install();
build();
await import('../dist/apps/cli/main.js');
