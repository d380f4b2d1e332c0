#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# recall.sh - for clusters without burst buffers: a job that waits for files, and another one after it.
#
#	recall=$(sbatch --parsable recall.sh --tier bulk -r /archive/run42)
#	sbatch --dependency=afterok:$recall --kill-on-invalid-dep=yes work.sh
#
# The first holds one CPU and next to no memory for as long as the restore takes; give such jobs a
# partition of their own where that is too much. work.sh holds nothing until all is here, and is cancelled if it cannot be had.
# What was asked for goes on when this job is cancelled or out of time: submitted again, it joins it and pays nothing.
#SBATCH --job-name=recall
#SBATCH --ntasks=1
#SBATCH --mem=64M
#SBATCH --time=3-00:00:00
exec thaw get --wait "$@"
