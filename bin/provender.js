#!/usr/bin/env node
// The published command. Old Nodes parse this file too, so that they answer with one sentence instead of a syntax error.
import { complaintAbout } from './node-version.js'

var complaint = complaintAbout(process.versions.node)
if (complaint === '') {
  void import('./launch.js')
} else {
  process.stderr.write(complaint + '\n')
  process.exitCode = 1
}
