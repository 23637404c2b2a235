/**
 * Outputs of NVIDIA's tools and driver, written after their documented formats (the manual page of nvidia-smi, the MIG
 * user guide): they were not recorded on a machine. Elements that nothing here reads are left out.
 */

const memory = (total: number, used: number): string => `
		<fb_memory_usage>
			<total>${total} MiB</total>
			<reserved>600 MiB</reserved>
			<used>${used} MiB</used>
			<free>${total - used} MiB</free>
		</fb_memory_usage>
		<bar1_memory_usage>
			<total>131072 MiB</total>
			<used>1 MiB</used>
			<free>131071 MiB</free>
		</bar1_memory_usage>`;

const gpu = (uuid: string, name: string, mig: string, parts: string, memoryUsage: string): string => `
	<gpu id="00000000:4F:00.0">
		<product_name>${name}</product_name>
		<product_architecture>Hopper</product_architecture>
		<mig_mode>
			<current_mig>${mig}</current_mig>
			<pending_mig>${mig}</pending_mig>
		</mig_mode>
		<mig_devices>${parts}
		</mig_devices>
		<uuid>${uuid}</uuid>
		<minor_number>0</minor_number>${memoryUsage}
		<processes>
			<process_info>
				<gpu_instance_id>N/A</gpu_instance_id>
				<pid>4242</pid>
				<used_memory>900 MiB</used_memory>
			</process_info>
		</processes>
	</gpu>`;

const report = (gpus: readonly string[]): string => `<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">
<nvidia_smi_log>
	<timestamp>Wed Jan 15 10:20:30 2025</timestamp>
	<driver_version>550.127.05</driver_version>
	<cuda_version>12.4</cuda_version>
	<attached_gpus>${gpus.length}</attached_gpus>${gpus.join('')}
</nvidia_smi_log>
`;

const part = (index: number, instance: number, total: number): string => `
			<mig_device>
				<index>${index}</index>
				<gpu_instance_id>${instance}</gpu_instance_id>
				<compute_instance_id>0</compute_instance_id>${memory(total, 19)}
			</mig_device>`;

export const uuids = {
  first: 'GPU-11111111-aaaa-bbbb-cccc-000000000001',
  second: 'GPU-22222222-aaaa-bbbb-cccc-000000000002',
  smallPart: 'MIG-33333333-aaaa-bbbb-cccc-000000000003',
  largePart: 'MIG-44444444-aaaa-bbbb-cccc-000000000004',
} as const;

const none = `
			None`;

/** Two GPUs of 24 GiB; the first has 20 GiB in use. */
export const twoGpus = {
  report: report([
    gpu(uuids.first, 'NVIDIA GeForce RTX 4090', 'N/A', none, memory(24_564, 20_000)),
    gpu(uuids.second, 'NVIDIA GeForce RTX 4090', 'N/A', none, memory(24_564, 564)),
  ]),
  list: `GPU 0: NVIDIA GeForce RTX 4090 (UUID: ${uuids.first})
GPU 1: NVIDIA GeForce RTX 4090 (UUID: ${uuids.second})
`,
  query: `0, ${uuids.first}, NVIDIA GeForce RTX 4090, 24564, 4564
1, ${uuids.second}, NVIDIA GeForce RTX 4090, 24564, 24000
`,
} as const;

/** One GPU in MIG mode with two parts. */
export const migGpu = {
  report: report([
    gpu(
      uuids.first,
      'NVIDIA H100 80GB HBM3',
      'Enabled',
      part(0, 9, 9_728) + part(1, 2, 40_448),
      memory(81_559, 100),
    ),
  ]),
  list: `GPU 0: NVIDIA H100 80GB HBM3 (UUID: ${uuids.first})
  MIG 1g.10gb     Device  0: (UUID: ${uuids.smallPart})
  MIG 3g.40gb     Device  1: (UUID: ${uuids.largePart})
`,
} as const;

export const migGpuWithoutParts = {
  report: report([gpu(uuids.first, 'NVIDIA A100-SXM4-40GB', 'Enabled', none, memory(40_960, 0))]),
  list: `GPU 0: NVIDIA A100-SXM4-40GB (UUID: ${uuids.first})\n`,
} as const;

/** `/proc/driver/nvidia/gpus/0000:4f:00.0/information` */
export const driverInformation = `Model: 		 NVIDIA A40
IRQ:   		 230
GPU UUID: 	 ${uuids.first}
Video BIOS: 	 94.02.5c.00.04
Bus Type: 	 PCIe
Device Minor: 	 0
`;
