/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_LIMITS_H
#define COMMON_LIMITS_H

/*
 * Every limit by name. A parser checks a length against what it holds, then
 * against the limit, then uses it; hitting a limit is an error with its name.
 */

#define LIMIT_NAME 64u         /* bytes of an account's or a device's name, with NUL  */
#define LIMIT_PERSON 64u       /* bytes of a hospital's person id, with NUL           */
#define LIMIT_TEXT 512u        /* bytes of a reason or comment, with NUL              */
#define LIMIT_OBJECT 128u      /* bytes of the object of an action, with NUL          */
#define LIMIT_WORDS 512u       /* bytes of the words of a confirmation, with NUL      */
#define LIMIT_PASSWORD 256u    /* bytes of a password after NFC                       */
#define LIMIT_FRAME 16384u     /* bytes of one frame of the protocol                  */
#define LIMIT_CONFIG 1048576u  /* bytes of one configuration file                     */
#define LIMIT_PEERS 64u        /* connections of one seat                             */
#define LIMIT_ATTEMPTS 16u     /* sign-ins going on at one seat at once               */
#define LIMIT_HASH_QUEUE 8u    /* password hashes waiting for the worker              */
#define LIMIT_RING_RECORDS 256u /* records in a client's ring                         */
#define LIMIT_HISTORY_PAGE 200u /* entries in one page of history                     */
#define LIMIT_ROLES_OF_ACCOUNT 16u
#define LIMIT_PASSWORD_HISTORY 24u
#define LIMIT_SEATS 8u

#endif
