// Package repair finds small edits of a program that may make its failing tests pass: where to edit, and what. It edits
// text and runs nothing; the worker of package runner measures, tries and chooses.
//
// # Terms
//
//   - Spectrum: which spans of the source the failing and the passing tests ran, counted.
//   - Suspicion of a span: Ochiai's coefficient of its counts, from 0 to 1.
//   - Edit: one span of one file replaced by other text. Its score is the suspicion of its place, times how often an edit
//     of its kind mends a bug, as a judgement (see the weights beside each edit).
//   - Site: the expression or statement around an edit that can be made to choose at run time between itself and edits.
//   - Schema: a package in which every site chooses by a variable, so that many edits are compiled once.
//
// # Sources
//
// Ochiai's coefficient for fault localisation: R. Abreu, P. Zoeteweij, A. van Gemund, "On the Accuracy of Spectrum-based
// Fault Localization", TAICPART-MUTATION 2007. Generate and validate: C. Le Goues et al., "GenProg", TSE 38(1), 2012; that
// small edits and a statement from nearby go a long way: Z. Qi et al. (RSRepair), ICSE 2014, and K. Liu et al. (TBar), ISSTA
// 2019. Many mutants in one program: R. Untch, A. J. Offutt, M. J. Harrold, "Mutation Analysis Using Mutant Schemata", ISSTA 1993.
package repair
