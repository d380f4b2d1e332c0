#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# transfer.sh - a vault into a bucket by many nodes: one partition a task of a job array.
#
#	thaw transfer --plan /shared/films.plan glacier://eu-central-1/films s3://institute/films
#	sbatch --array=1-16 transfer.sh --plan /shared/films.plan --tier bulk \
#		glacier://eu-central-1/films s3://institute/films
#
# The plan says which archives are whose, so each is restored and stored once. Tasks share the plan and the
# bucket, nothing else. Each keeps its progress in a directory of its own on a local disk of its node:
# $THAW_TRANSFER_STATE/I-N, else below /var/tmp. A task that ended early is submitted again, to its node, where
# it goes on; N stays:
#
#	THAW_PARTITIONS=16 sbatch --array=3 --nodelist=node07 transfer.sh --plan ...
#
# Submitting says yes (--yes) to the plan and its price, which `thaw transfer --dry-run` shows.
#SBATCH --array=1-16
#SBATCH --job-name=transfer
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --mem=2G
#SBATCH --time=7-00:00:00
#SBATCH --signal=B:TERM@120
set -eu

if [ -z "${SLURM_ARRAY_TASK_ID:-}" ]; then
	echo "transfer.sh: no task of a job array: sbatch --array=1-N" >&2
	exit 2
fi
i=$SLURM_ARRAY_TASK_ID
n=${THAW_PARTITIONS:-$SLURM_ARRAY_TASK_MAX}
# A part of the array would be split in another way, and pay for what others have asked for.
if [ -z "${THAW_PARTITIONS:-}" ] &&
	{ [ "$SLURM_ARRAY_TASK_COUNT" != "$n" ] || [ "$n" = 1 ]; }; then
	echo "transfer.sh: not all tasks 1-N: in how many is the plan split? THAW_PARTITIONS=N" >&2
	exit 2
fi
case " $* " in
*" --plan "* | *" --plan="*) ;;
*)
	echo "transfer.sh: which plan? --plan FILE, written by thaw transfer --plan FILE" >&2
	exit 2
	;;
esac
exec thaw transfer --yes --partition "$i/$n" \
	--state "${THAW_TRANSFER_STATE:-/var/tmp/thawfs-transfer-$(id -u)}/$i-$n" "$@"
