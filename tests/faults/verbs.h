/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FAULTS_VERBS_H
#define TESTS_FAULTS_VERBS_H

#include "tests/faults/faults.h"

/*
 * Asks for everything that is not allowed at the seat; each yes makes the cell red.
 * Also notes the alarms that the broker names. Return: how many were answered.
 */
unsigned verbs_ask(struct cell *cell);

#endif
